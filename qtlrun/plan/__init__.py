"""Plans: what a command line asks for, checked and worked out before anything is trained."""

from qtlrun.plan.check import (
    check_idle,
    check_noise,
    check_plan,
    check_same,
    check_single,
    find_noise,
)
from qtlrun.plan.description import describe
from qtlrun.plan.fact import facts
from qtlrun.plan.letter import has_circuit, simulates
from qtlrun.plan.part import bare, build, check_part, is_plugin, load_class
from qtlrun.plan.plan import COMPOSED, Plan
from qtlrun.plan.redraw import EACH, Redraw
from qtlrun.plan.tuning import spaces
from qtlrun.plan.variant import GROUPS, Part, Variant

__all__ = [
    "COMPOSED",
    "EACH",
    "GROUPS",
    "Part",
    "Plan",
    "Redraw",
    "Variant",
    "bare",
    "build",
    "check_idle",
    "check_noise",
    "check_part",
    "check_plan",
    "check_same",
    "check_single",
    "describe",
    "facts",
    "find_noise",
    "has_circuit",
    "is_plugin",
    "load_class",
    "simulates",
    "spaces",
]
