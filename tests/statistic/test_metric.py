import numpy as np
import pytest
from rows import row
from scipy import special
from sklearn.metrics import (
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    roc_auc_score,
)

from qtlrun.statistic import (
    aurc,
    auroc,
    balanced_accuracy,
    brier,
    calibration_error,
    correct,
    log_odds,
    macro_f1,
    nll,
)


@pytest.fixture
def logits():
    return np.random.default_rng(6).normal(scale=3, size=(4, 60, 5))


@pytest.fixture
def labels():
    return np.random.default_rng(7).integers(0, 5, 60)


def test_nll_is_minus_the_log_softmax_of_the_label(logits, labels):
    expected = -special.log_softmax(logits, -1)[:, np.arange(60), labels]
    np.testing.assert_allclose(
        nll(logits, labels), expected, rtol=1e-12, atol=1e-14
    )  # a few roundings of float64
    np.testing.assert_array_equal(nll(logits[0], labels), nll(logits, labels)[0])


def test_nll_stays_finite_for_logits_beyond_the_range_of_the_exponential():
    np.testing.assert_array_equal(
        nll(np.float32([[2e4, -2e4], [2e4, -2e4]]), np.array([0, 1])), [0, 4e4]
    )


def test_the_brier_score_is_that_of_scikit_learn(logits, labels):
    # for several classes scikit-learn sums over them too, from 0 to 2
    odds = special.softmax(logits, -1)
    scores = [brier_score_loss(labels, seed, labels=range(5), scale_by_half=False) for seed in odds]
    # a few roundings of float64
    np.testing.assert_allclose(brier(logits, labels).mean(-1), scores, rtol=1e-12)


def test_the_brier_score_of_two_classes_is_twice_the_square_of_the_miss():
    logits = np.log([[[3.0, 1.0], [1.0, 9.0]]])
    expected = [[2 * 0.25**2, 2 * 0.9**2]]  # probabilities of the label: 3/4 and 1/10
    np.testing.assert_allclose(brier(logits, np.array([0, 0])), expected, rtol=1e-12)


def test_the_brier_score_lies_between_its_ends_whatever_the_logits():
    logits = np.float32([[800.0, -800.0, 0.0], [-800.0, 800.0, 0.0]])
    np.testing.assert_array_equal(brier(logits, np.array([0, 0])), [0.0, 2.0])


def test_an_answer_is_correct_where_its_logit_is_largest(logits, labels):
    others = np.arange(5) != labels[:, None]
    expected = [
        (seed[~others] > seed[others].reshape(60, 4).max(1)).astype(float) for seed in logits
    ]
    np.testing.assert_array_equal(correct(logits, labels), expected)


@pytest.mark.parametrize("classes", [5, 8])
def test_macro_f1_is_that_of_scikit_learn(logits, labels, classes):
    # three classes of eight are neither labelled nor predicted
    predictions = logits.argmax(-1)
    expected = [f1_score(labels, seed, average="macro") for seed in predictions]
    np.testing.assert_allclose(
        macro_f1(labels, predictions, classes), expected, rtol=1e-12
    )  # a few roundings
    assert macro_f1(labels, predictions[0], classes) == macro_f1(labels, predictions, classes)[0]


def test_calibration_error_is_the_weighted_gap_of_each_bin():
    # of ten bins: (.6, .7] holds two, one right, mean .65, so .15; (.7, .8] two, both right, mean
    # .75, so .25; (.9, 1]
    # one, wrong, so 1; weighted 2/5, 2/5, 1/5
    confidence = np.array([0.62, 0.68, 0.72, 0.78, 1.0])
    probabilities = np.stack([confidence, 1 - confidence], -1)
    labels = np.array([0, 1, 0, 0, 1])
    expected = (2 * 0.15 + 2 * 0.25 + 1) / 5
    assert calibration_error(probabilities, labels, bins=10) == pytest.approx(
        expected, rel=1e-12
    )  # a few roundings
    both = calibration_error(np.stack([probabilities, probabilities[:, ::-1]]), labels, bins=10)
    # the second seed answers 1 throughout: right where the first was wrong
    assert both == pytest.approx([expected, (2 * 0.15 + 2 * 0.75 + 0) / 5], rel=1e-12)


def test_confidence_on_an_edge_belongs_to_the_bin_below():
    # of two bins, (0, .5] and (.5, 1]: one right and one wrong at .5 make no gap, one right at .9
    # makes .1
    probabilities = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1]])
    assert calibration_error(probabilities, np.array([0, 1, 0]), bins=2) == pytest.approx(
        0.1 / 3, rel=1e-12
    )


@pytest.mark.parametrize("classes", [5, 8])
def test_balanced_accuracy_is_that_of_scikit_learn(classes, logits, labels):
    """With three classes that no item has."""
    predicted = logits.argmax(-1)
    scores = [balanced_accuracy_score(labels, seed) for seed in predicted]
    np.testing.assert_allclose(balanced_accuracy(labels, predicted), scores, rtol=1e-12)
    assert balanced_accuracy(labels, np.zeros(60, int)) == pytest.approx(1 / 5, rel=1e-12)


def test_the_area_under_the_roc_curve_is_that_of_scikit_learn(logits, labels):
    """Each class against the rest, ties among them."""
    odds = special.softmax(logits, -1)
    for probabilities in (odds, np.round(odds, 1) / np.round(odds, 1).sum(-1, keepdims=True)):
        scores = [roc_auc_score(labels, seed, multi_class="ovr") for seed in probabilities]
        np.testing.assert_allclose(auroc(probabilities, labels), scores, rtol=1e-12)


def test_the_area_of_two_classes_is_the_chance_that_one_ranks_above_the_other(labels):
    labels = labels % 2
    odds = special.softmax(np.random.default_rng(1).normal(size=(60, 2)), -1)
    score = odds[:, 1]
    above = score[labels == 1][:, None] > score[labels == 0][None]
    assert auroc(odds, labels) == pytest.approx(above.mean(), rel=1e-12)
    assert auroc(odds, labels) == pytest.approx(roc_auc_score(labels, score), rel=1e-12)
    assert np.isnan(auroc(odds, np.zeros(60, int)))


def test_log_odds_are_those_of_the_probabilities(logits):
    odds = special.softmax(logits, -1)
    # 1 - p has lost up to four digits where p is near 1
    np.testing.assert_allclose(log_odds(logits), special.logit(odds), rtol=1e-11, atol=1e-11)


def test_log_odds_tell_apart_what_float64_rounds_to_a_probability_of_1():
    margins = np.array([40.0, 800.0, -40.0, 0.0])
    logits = np.stack([margins, np.zeros(4)], -1)
    np.testing.assert_array_equal(log_odds(logits), np.stack([margins, -margins], -1))
    three = log_odds(np.array([90.0, 20.0, 20.0]))
    assert three[0] == pytest.approx(70 - np.log(2), rel=1e-15)
    assert three[1:] == pytest.approx([-70.0, -70.0], rel=1e-15)


def test_sure_answers_are_ranked_by_their_logits():
    """Of eight pairs of an item of each class five are ranked right; probabilities are all 1."""
    margins = np.array([40.0, 45, 50, 60, 42, 48])
    logits = np.stack([margins, np.zeros(6)], -1)
    labels = np.array([0, 0, 0, 0, 1, 1])
    share = np.mean(margins[4:, None] < margins[None, :4])
    assert share == 5 / 8
    made = row("A", logits[None], labels, [0])
    assert made.metrics["test_auroc"].tolist() == pytest.approx([share])
    # from the surest: right, right, wrong, right, wrong, right
    risks = np.array([0, 0, 1, 1, 2, 2]) / np.arange(1, 7)
    assert made.metrics["test_aurc"].tolist() == pytest.approx([risks.mean()])


def test_the_area_under_the_risk_coverage_curve_averages_the_risks_of_the_surest(logits, labels):
    odds = special.softmax(logits, -1)
    for seed, area in zip(odds, aurc(odds, labels), strict=True):
        order = np.argsort(-seed.max(-1))
        wrong = (seed.argmax(-1) != labels)[order]
        risks = [wrong[:count].mean() for count in range(1, 61)]
        assert area == pytest.approx(np.mean(risks), rel=1e-12)


def two_way(confidence, right):
    """Probabilities of two classes, the label the first."""
    high = np.asarray(confidence)
    return np.where(
        np.asarray(right)[:, None], np.stack([high, 1 - high], 1), np.stack([1 - high, high], 1)
    )


def test_an_area_of_errors_that_come_last_has_a_closed_form():
    """Of n items the e least sure are wrong: sum over k > n - e of (k - n + e) / k, over n."""
    confidence = np.linspace(0.99, 0.6, 40)
    right = np.arange(40) < 30
    labels = np.zeros(40, int)
    expected = sum((k - 30) / k for k in range(31, 41)) / 40
    assert aurc(two_way(confidence, right), labels) == pytest.approx(expected, rel=1e-12)
    # Geifman et al. 2019: near r + (1 - r) ln(1 - r) of error rate r, of many items
    many = np.arange(40_000) < 30_000
    sure = np.linspace(0.99, 0.6, 40_000)
    area = aurc(two_way(sure, many), np.zeros(40_000, int))
    assert area == pytest.approx(0.25 + 0.75 * np.log(0.75), abs=1e-4)


def test_confidence_that_tells_nothing_gives_the_error_rate_in_any_order():
    right = np.arange(40) % 4 > 0
    odds = two_way(np.full(40, 0.8), right)
    assert aurc(odds, np.zeros(40, int)) == pytest.approx(0.25, rel=1e-12)
    mixed = np.random.default_rng(0).permutation(40)
    assert aurc(odds[mixed], np.zeros(40, int)) == pytest.approx(0.25, rel=1e-12)
