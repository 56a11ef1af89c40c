"""Claims that rules of publications make about two rows, from trainings on one division."""

import numpy as np

from qtlrun.comparison.row import Row
from qtlrun.statistic import rule

# Trainings that publications report
RULE_SEEDS = 5
BEST_OF = 10


def claims_of(model: Row, other: Row, generator: np.random.Generator) -> dict[str, bool]:
    """Whether each rule calls the rows different, on the seeds of both in random order.

    Nothing of rows with fewer than two seeds in common.
    """
    seeds = sorted(model.outcomes.keys() & other.outcomes.keys())
    if len(seeds) < 2:
        return {}
    generator.shuffle(seeds)
    order = [model.seeds.index(seed) for seed in seeds]
    other_order = [other.seeds.index(seed) for seed in seeds]
    accuracies = model.correct.mean(1)[order]
    others = other.correct.mean(1)[other_order]
    curves = _curve(model, order[0]), _curve(other, other_order[0])
    few = slice(RULE_SEEDS)
    bootstrap = rule.picture_bootstrap(model.nll[order[0]], other.nll[other_order[0]], generator)
    return {
        "Wilcoxon's test, five seeds": rule.signed_rank(accuracies[few], others[few]),
        "t test, five seeds": rule.paired_t(accuracies[few], others[few]),
        "bootstrap of pictures, one seed": bootstrap,
        "best of ten seeds": rule.best_seed(accuracies, others),
        "best epoch on the split reported": rule.best_epoch(*curves),
    }


def _curve(row: Row, number: int) -> np.ndarray:
    """Validation accuracy of a training, by epoch."""
    return np.array([point["accuracy"] for point in row.finished[number].curves])
