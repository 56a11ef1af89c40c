"""Plans: what a command line asks for, checked and worked out before anything is trained."""

from qtlrun.plan.check import check_idle, check_plan, check_same, check_single
from qtlrun.plan.description import describe, differences
from qtlrun.plan.letter import LETTERS, has_circuit, letter_of, likeness, simulates
from qtlrun.plan.part import bare, build, check_part, is_own, parameters
from qtlrun.plan.plan import COMPOSED, Plan
from qtlrun.plan.refusal import Absent, Refused, finite, nearest, text
from qtlrun.plan.setting import Settings, split_seeds
from qtlrun.plan.tuning import draw, spaces
from qtlrun.plan.variant import GROUPS, Part, Variant

__all__ = [
    "COMPOSED",
    "GROUPS",
    "LETTERS",
    "Absent",
    "Part",
    "Plan",
    "Refused",
    "Settings",
    "Variant",
    "bare",
    "build",
    "check_idle",
    "check_part",
    "check_plan",
    "check_same",
    "check_single",
    "describe",
    "differences",
    "draw",
    "finite",
    "has_circuit",
    "is_own",
    "letter_of",
    "likeness",
    "nearest",
    "parameters",
    "simulates",
    "spaces",
    "split_seeds",
    "text",
]
