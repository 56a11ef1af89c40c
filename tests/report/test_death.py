"""Dead trainings and rare deaths: in sentences, in tables, on a terminal."""

import io
import math

import numpy as np
import pytest
from rich.console import Console
from rows import resplit, row

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.ledger import Readings
from qtlrun.report import frame as frames
from qtlrun.report import sentence, terminal
from qtlrun.report.sentence.size import decisive_sizes

MARGIN = 0.05
LABELS = np.tile([0, 1, 2, 3], 30)


def logits(seeds, number, skill=3.0):
    """Logits (seeds, items, classes) that favour the label alike, but for little noise."""
    generator = np.random.default_rng(number)
    values = 0.01 * generator.standard_normal((seeds, len(LABELS), 4))
    values[:, np.arange(len(LABELS)), LABELS] += skill
    return values


def lose(values, *seeds):
    """The logits, of which those of these seeds predict the same for every class."""
    values[list(seeds)] = 0.0
    return values


def compare(dead=(), reference_dead=(), seeds=10):
    """A and its twin, nearly equal, of which these trainings are dead."""
    made = Comparison({}, "A", splits=[{}])
    for number, (name, lost) in enumerate({"A": dead, "twin": reference_dead}.items()):
        made.splits[0][name] = row(name, lose(logits(seeds, number), *lost), LABELS)
        made.isolates[name] = "the circuit against a classical block in its place" * number
    return made


def written(notes):
    return [note.full for note in notes]


def show(made, width):
    place = Console(file=io.StringIO(), width=width)
    terminal.show(place, made, frames.table(made, MARGIN, 1024))
    return place.file.getvalue()


def test_a_row_counts_its_dead_trainings():
    made = compare(dead=(1, 4), reference_dead=(2,))
    assert (made.dead("A"), made.dead("twin"), compare().dead("A")) == (2, 1, 0)
    assert made.losses("A")[4] == pytest.approx(math.log(4))


def test_a_contrast_is_that_of_pairs_in_which_neither_died_and_has_no_word():
    made = compare(dead=(1, 4), reference_dead=(4, 7))
    verdict = made.contrasts(MARGIN)["twin"]
    living = [0, 2, 3, 5, 6, 8, 9]
    gaps = made.splits[0]["A"].nll[living] - made.splits[0]["twin"].nll[living]
    assert verdict.interval == statistic.crossed(gaps)
    assert (verdict.word, verdict.deaths.composed, verdict.deaths.reference) == ("undecided", 2, 2)
    accuracy = made.accuracy_contrasts()["twin"]
    assert (accuracy.word, accuracy.interval.seeds) == ("undecided", 7)


def test_dead_trainings_stand_in_the_table_where_there_are_any():
    table = frames.table(compare(dead=(1, 4)), MARGIN, 1024).set_index("row")
    assert table["dead"].tolist() == [2, 0]
    assert "dead" not in frames.table(compare(), MARGIN, 1024)


def test_a_table_has_the_median_and_the_worst_training():
    made = compare(dead=(1,))
    line = frames.table(made, MARGIN, 1024).set_index("row").loc["A"]
    losses = made.splits[0]["A"].nll.mean(1)
    assert (line["NLL median"], line["NLL worst"]) == (np.median(losses), losses.max())
    assert line["NLL median"] < line["NLL"] < line["NLL worst"]


def test_sentences_say_who_died_and_how_rare_that_may_be():
    made = compare(dead=(1, 4))
    (conclusion,) = written(sentence.contrasts(made, MARGIN))
    assert "no verdict, because 2 of 10 trainings of A died" in conclusion
    foot = " ".join(written(sentence.foot(made, Readings())))
    low, high = statistic.binomial(2, 10)
    assert f"Dead trainings: A 2 of 10 ({low:.0%} to {high:.0%})" in foot
    assert "Dead trainings" not in " ".join(written(sentence.foot(compare(), Readings())))


def test_failed_and_dead_trainings_stand_together():
    made = compare(dead=(1,))
    made.splits[0]["twin"].errors[11] = "diverged"
    assert (
        sentence.failures(made, "twin")
        == "1 of 11 trainings of twin failed and 1 of 10 trainings of A died"
    )


def test_equivalence_that_a_rare_death_could_undo_says_so():
    made = compare()
    verdict = made.contrasts(MARGIN)["twin"]
    assert verdict.word == "equivalent if none dies"
    (conclusion,) = written(sentence.contrasts(made, MARGIN))
    assert "if none dies: none of 10 trainings died, up to 26 % may." in conclusion
    assert frames.contrasts_frame([made], MARGIN)["verdict"][0] == "equivalent if none dies"


def test_equivalence_of_very_many_trainings_holds_for_all_of_them():
    # .05 ** (1 / 100) leaves 3 %, at less than 1.4 nats each
    assert compare(seeds=100).contrasts(MARGIN)["twin"].word == "equivalent"


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_words_of_death_fit_a_terminal(width):
    for made, word in ((compare(), "equivalent"), (compare(dead=(1,)), "no verdict")):
        text = show(made, width)
        assert word in text and max(map(len, text.splitlines())) <= width
    assert "1 of 10" in show(compare(dead=(1,)), 160)


def test_a_training_that_died_on_one_split_leaves_the_others():
    made = resplit(splits=5, seeds=1, pictures=120)
    for number, rows in enumerate(made.splits):
        for place, name in enumerate(rows):
            values = logits(1, 10 * number + place)
            rows[name] = row(
                name, lose(values, 0) if (number, name) == (2, "B") else values, LABELS, [number]
            )
            rows[name].items = tuple(f"{number}/{item}" for item in range(120))
    verdict = made.contrasts(MARGIN)["B"]
    assert (verdict.word, verdict.deaths.reference, verdict.interval.splits) == ("undecided", 1, 4)


def test_a_second_interval_stands_beside_the_first_where_it_differs():
    made = resplit(splits=4, seeds=2, pictures=120, same=True)
    for number, rows in enumerate(made.splits):
        items = {"items": rows["B"].items, "trained_on": 400, "validated_on": 100}
        for name, skill in (("A", 1 + number / 4), ("B", 1.0)):  # A's training sets differ
            rows[name] = row(name, logits(2, number, skill), LABELS, said=items)
    (conclusion,) = written(sentence.contrasts(made, MARGIN))
    gap = made.contrasts(MARGIN)["B"].interval
    assert gap.like_low < gap.low and gap.high < gap.like_high
    assert conclusion.endswith(
        f"For training sets of other pools like it [{gap.like_low:+z.3f}, {gap.like_high:+z.3f}]."
    )
    line = frames.contrasts_frame([made], MARGIN).iloc[0]
    assert (line["like_low"], line["like_high"]) == (gap.like_low, gap.like_high)


def test_a_difference_on_few_pictures_says_on_how_many_it_hangs():
    made = compare()
    made.splits[0]["A"] = row("A", logits(10, 0), LABELS)
    values = logits(10, 1)
    values[:, :2] *= -1  # two pictures that the twin gets wrong
    made.splits[0]["twin"] = row("twin", values, LABELS)
    (conclusion,) = written(sentence.contrasts(made, MARGIN))
    assert "undecided; the difference hangs on about 2 pictures." in conclusion


def test_rows_on_few_pictures_are_told_how_many_equivalence_needs():
    made = compare()
    for number, name in enumerate(("A", "twin")):
        made.splits[0][name] = row(name, logits(10, number)[:, :40], LABELS[:40])
    (conclusion,) = written(sentence.contrasts(made, MARGIN))
    assert "undecided; fewer than 60 pictures show no two rows equivalent." in conclusion


def test_few_pictures_are_what_equivalence_lacks_where_the_90_interval_is_inside_the_margin():
    """Between the ends of the 95 % interval and those of the 90 % one; inside of both it is not."""
    values = np.random.default_rng(0).normal(size=(5, 40))
    outer, inner = (statistic.crossed(values, level) for level in (0.95, 0.90))
    far, near = (max(-each.low, each.high) for each in (outer, inner))
    needs = "equivalence needs 60 pictures."
    for margin, lacks in (((far + near) / 2, True), (1.01 * far, True), (0.99 * near, False)):
        verdict = statistic.verdict(values, margin)
        assert verdict.word == "undecided" and verdict.judged
        assert (decisive_sizes(verdict, "picture").short == needs) == lacks
