"""Checks of the splits of a dataset: leaks between them, their sizes, the number of seeds."""

import math

from qtlrun import statistic
from qtlrun.diagnosis.case import Case
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check

MAX_ABSENT_CLASSES = 0
MAX_COPIED_SHARE = 0.01
MAX_ALIKE_SHARE = 0.05
MAX_CHOOSING_ITEMS = 0
MAX_MARGINS = 1.0
MIN_TEST_ITEMS = 100
MIN_SEEDS = 3
ACCURACY = 0.9  # whose interval shows what a count of test items can tell


@check(
    "Q405",
    "CLASS_ABSENT",
    Severity.FAULT,
    limit=MAX_ABSENT_CLASSES,
    reason="a class that trains no item is never predicted; one without a test item is not tested",
    need=Requirement.DATA,
)
def absent_class(case: Case) -> Evidence | None:
    """Count the classes without an item in a split."""
    absent = []
    for split, counts in case.data.parts.dataset.counts.items():
        absent += [f"{name} in {split}" for name, count in counts.items() if not count]
    if not absent:
        return None
    more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
    return Evidence(
        len(absent),
        f"no item of class {absent[0]}{more}",
        "divide the items class by class, or leave out the classes that are too small",
    )


@check(
    "Q407",
    "TEST_IN_TRAIN",
    Severity.FAULT,
    limit=MAX_COPIED_SHARE,
    reason="the shipped datasets have none; 1 % can raise an accuracy by .01",
    need=Requirement.DATA,
)
def test_in_train(case: Case) -> Evidence | None:
    """Count test items that are training items too."""
    numbers = case.data.duplicates
    if not numbers.test_in_train > MAX_COPIED_SHARE * numbers.test:
        return None
    return Evidence(
        numbers.test_in_train / numbers.test,
        f"{numbers.test_in_train} of {numbers.test} test items are training items too",
        "remove equal items before the data are divided",
    )


@check(
    "Q408",
    "TEST_LIKE_TRAIN",
    Severity.WARNING,
    limit=MAX_ALIKE_SHARE,
    reason="ants and bees have none; CIFAR-10, which is in use, has 3 %",
    need=Requirement.DATA,
)
def test_like_train(case: Case) -> Evidence | None:
    """Count test pictures that look like a training picture."""
    likeness = case.data.likeness
    test = len(case.data.parts.dataset.test)
    if not likeness.test_in_train > MAX_ALIKE_SHARE * test:
        return None
    pair = f", as {likeness.alike[0][0]} and {likeness.alike[0][1]}" if likeness.alike else ""
    return Evidence(
        likeness.test_in_train / test,
        f"{likeness.test_in_train} of {test} test pictures look like a training picture{pair}",
        "keep pictures of one scene, patient or film in one split",
    )


@check(
    "Q410",
    "VALIDATION_IS_TEST",
    Severity.FAULT,
    limit=MAX_CHOOSING_ITEMS,
    reason="an epoch chosen on test items makes their figures too good",
    need=Requirement.DATA,
)
def validation_is_test(case: Case) -> Evidence | None:
    """Count test items that choose the epoch."""
    parts = case.data.parts
    if parts.dataset.validation is not parts.dataset.test:
        return None
    is_share = parts.variant.has("dataset.split_seed")
    return Evidence(
        len(parts.dataset.test),
        f"the {len(parts.dataset.test)} test items are the validation items too, and choose the"
        " epoch",
        "draw validation items from the training items",
        "dataset.validation=0.2" if is_share and parts.dataset.modes is None else "",
    )


@check(
    "Q411",
    "VALIDATION_SMALL",
    Severity.NOTE,
    limit=MAX_MARGINS,
    reason="a choice between draws whose difference has an error above the margin is chance",
    need=Requirement.DATA,
)
def small_validation(case: Case) -> Evidence | None:
    """Compare the standard error of a difference in validation NLL with the margin."""
    lead = case.data.rival_lead
    if lead is None:
        return None
    error = float(lead.std()) / math.sqrt(len(lead))
    if not error > MAX_MARGINS * case.data.margin_nats:
        return None
    return Evidence(
        error / case.data.margin_nats,
        f"{len(lead)} validation items tell the NLL of a short training from that of a logistic"
        f" regression with a standard error of {error:.3f} nats, and the margin is"
        f" {case.data.margin_nats:.3g}",
        "use more validation items, or several splits",
    )


@check(
    "Q412",
    "TEST_SMALL",
    Severity.NOTE,
    limit=MIN_TEST_ITEMS,
    reason=f"an accuracy of {ACCURACY} on 100 items has an interval of 12 points",
    need=Requirement.DATA,
)
def small_test(case: Case) -> Evidence | None:
    """Count the test items."""
    count = len(case.data.parts.dataset.test)
    if count >= MIN_TEST_ITEMS:
        return None
    low, high = statistic.binomial(round(ACCURACY * count), count)
    return Evidence(
        count,
        f"{count} test items: {round(ACCURACY * count)} right ones have a 95 % interval from"
        f" {low:.2f} to {high:.2f}",
        "use more test items, or several splits",
    )


@check(
    "Q413",
    "SEEDS_FEW",
    Severity.NOTE,
    limit=MIN_SEEDS,
    reason="the coverage of intervals over seeds is tested from three on",
    need=Requirement.DATA,
)
def few_seeds(case: Case) -> Evidence | None:
    """Count the seeds of the plan."""
    number = case.data.seeds
    if not 0 < number < MIN_SEEDS:
        return None
    seeds = "one seed" if number == 1 else f"{number} seeds"
    return Evidence(
        number,
        f"{seeds} cannot tell an effect from the noise of training",
        "train from more seeds",
        "seeds=10",
    )


CHECKS = (
    absent_class,
    test_in_train,
    test_like_train,
    validation_is_test,
    small_validation,
    small_test,
    few_seeds,
)
