"""Lenses, each a way to look into what the rows of a finished run have learned."""

from qtlrun.lens.inspection import check_classes, check_lenses, inspect

__all__ = ["check_classes", "check_lenses", "inspect"]
