"""Sentences on the sealed plan that a table is a run of."""

from qtlrun.plan import Plan
from qtlrun.plan.seal import NAME_DIGITS
from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count

DAY_LENGTH = 10  # characters of a date without its time


def sealed(plan: Plan, noun: str, exploratory: list[str] | None = None) -> list[Note]:
    """Hash and date of a sealed plan, contrasts it does not declare, and earlier readings.

    Nothing of a plan without a seal. `noun` names a test item, `exploratory` are labels of rows.
    """
    seal = plan.sealed
    if seal is None:
        return []
    others = ", ".join(exploratory or ())
    words = f" Exploratory, not declared: {others}." if others else ""
    readers = seal.readers["items"]
    pool = seal.readers["pool"]
    plans = count(readers, "plan") if readers else "no plan"
    more = f", and {pool} its pool" if pool > readers else ""
    before = f" When it was sealed, {plans} of this store had read its test {noun}s{more}."
    return [
        Note(
            f"Sealed plan {seal.hash} of {seal.date}.{words}{before}",
            f"Sealed plan {seal.hash[:NAME_DIGITS]} of {seal.date[:DAY_LENGTH]}.{words}"
            + before * bool(pool),
        )
    ]
