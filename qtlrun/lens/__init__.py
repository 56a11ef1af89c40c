"""Lenses, each a way to look into what the rows of a finished run have learned."""

from qtlrun.lens.inspection import build_lenses, check_classes, inspect

__all__ = ["build_lenses", "check_classes", "inspect"]
