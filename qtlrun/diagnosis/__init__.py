"""Diagnosis of a model without training it for long: checks with codes, and findings."""

from qtlrun.diagnosis.catalogue import CHECKS
from qtlrun.diagnosis.composed import compose_case
from qtlrun.diagnosis.examination import Examination, examine
from qtlrun.diagnosis.module import load_case
from qtlrun.diagnosis.trouble import explain_trouble

__all__ = ["CHECKS", "Examination", "compose_case", "examine", "explain_trouble", "load_case"]
