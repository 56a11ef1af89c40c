"""Sentences on the terminal: the same verdicts as in table.md, in a line each."""

import composition
import numpy as np
import pytest
from rows import generated, pair, point, resplit, row

from qtlrun.comparison.row import Duplicates
from qtlrun.ledger import Readings
from qtlrun.report import sentence
from qtlrun.report.sentence import Note

UNREAD = Readings()

MARGIN = 0.05
SEEDS, PICTURES = np.array([-1.0, 0, 1]), np.tile([-1.0, 1], 50)
CLAIM = "A - B, the whole head against one linear layer: "


def shown(write, *values):
    return sentence.shown(write(*values))


def differences(mean, seed=0.0, picture=0.0):
    return mean + seed * SEEDS[:, None] + picture * PICTURES[None]


def test_a_note_is_brief_on_the_terminal_or_absent_and_whole_in_the_file():
    notes = [Note("long", "short"), Note("file alone", ""), Note("both")]
    assert sentence.shown(notes) == ["short", "both"]
    assert sentence.written(notes) == ["long", "file alone", "both"]
    placed = [note.at("size=2") for note in notes]
    assert sentence.shown(placed) == ["size=2: short", "size=2: both"]
    assert sentence.written(placed)[1] == "size=2: file alone"


@pytest.mark.parametrize(
    ("values", "margin", "ending"),
    [
        (differences(-0.3, seed=0.02), 0.05, "A is better."),
        (differences(0.3, picture=0.5), 0.05, "A is worse."),
        (differences(0.001, picture=0.1), 0.05, "equivalent within the margin of 0.05 nats."),
        (differences(5.0, picture=0.5)[:2], 0.05, "undecided; too few seeds."),
        (
            differences(0.05, seed=0.1, picture=0.5),
            1e-6,
            "undecided; no larger size alone would decide it.",
        ),
    ],
)
def test_a_contrast_is_one_line_with_its_verdict(values, margin, ending):
    (line,) = shown(sentence.contrasts, pair(values, base=5.0), margin)
    assert line == CLAIM + ending and len(line) <= 100


@pytest.mark.parametrize(
    ("values", "margin"),
    [
        (differences(0.04, seed=0.03), 0.05),
        (differences(0.04, picture=0.5), 0.05),
        (differences(0.04) + 0.4 * np.random.default_rng(2).standard_normal((3, 100)), 0.05),
        (differences(0.05, seed=0.1, picture=0.5), 0.01),
    ],
)
def test_an_undecided_contrast_names_the_sizes_of_the_file_and_the_legend_explains_them(
    values, margin
):
    made = pair(values, base=5.0)
    (note,) = sentence.contrasts(made, margin)
    sizes = note.full.rpartition(" by ")[2].replace(" on these pictures", "")
    sizes = sizes.replace(" with these seeds", "")
    assert sizes.startswith("about ") and note.short == f"{CLAIM}undecided; needs {sizes}"
    legend = shown(sentence.legend, made, margin)
    assert legend[1] == (
        f"Needs: the sizes that detect a difference of {margin:g} nats in four runs of five."
    )


def test_a_decided_contrast_needs_no_legend_of_sizes():
    (line,) = shown(sentence.legend, pair(differences(-0.3, seed=0.02)), MARGIN)
    assert line == "NLL: negative log-likelihood of the test pictures in nats, lower is better."


def verdict_word(made, label, word):
    """The verdict of a contrast beside that of its accuracies."""
    return sentence.verdict_word(made, label, word, made.accuracy_contrasts()[label])


def test_a_contrast_that_lost_trainings_has_no_verdict_on_the_terminal_either():
    made = pair(differences(-0.3))
    made.splits[0]["B"].errors[7] = "the loss is not finite"
    (line,) = shown(sentence.contrasts, made, MARGIN)
    assert line == f"{CLAIM}no verdict, because 1 of 4 trainings of B failed."
    assert verdict_word(made, "B", "undecided") == "no verdict"


def test_the_design_is_one_line_that_says_what_the_intervals_cover():
    assert shown(sentence.foot, point(("A", "B")), UNREAD)[0] == (
        "5 seeds, 40 test pictures, untuned recipe; 95 % intervals cover new trainings and new"
        " pictures."
    )
    assert shown(sentence.foot, point(("A", "B"), seeds=1), UNREAD)[0] == (
        "1 seed, 40 test pictures, untuned recipe; 95 % intervals cover new pictures."
    )
    assert shown(sentence.foot, resplit(splits=3, seeds=2), UNREAD)[0] == (
        "3 splits of 2 seeds, 40 test pictures each, untuned recipe; 95 % intervals cover other"
        " pools like this one, their splits and new pictures."
    )
    made = point(("A", "B"))
    for each in made.splits[0].values():
        each.settings = 6
    assert "recipe" not in shown(sentence.foot, made, UNREAD)[0]


def test_what_is_read_once_stands_in_the_file_alone():
    made = point(("A", "B"), said={"files": {"weights": "ab" * 32}})
    for each in made.splits[0].values():
        each.duplicates = Duplicates(30, 9, 0, 24, 0, 0, 6, 0)
    assert not any(
        "sha256" in line or "Equal" in line for line in shown(sentence.foot, made, UNREAD)
    )
    full = sentence.written(sentence.foot(made, UNREAD))
    assert any("sha256" in line for line in full) and any("Equal" in line for line in full)


def test_test_items_that_were_trained_on_are_said_on_the_terminal():
    made = point(("A", "B"))
    for each in made.splits[0].values():
        each.duplicates = Duplicates(30, 9, 2, 24, 5, 1, 6, 3)
    assert shown(sentence.data, [made]) == [
        "Equal pictures: 5 of 24 test pictures are also in train, so that accuracy there may be"
        " memory."
    ]


def test_a_generated_row_is_one_line_without_its_circuit():
    made = generated(point(("A", "B"), seeds=2), "A")
    (line,) = shown(sentence.generated, made)
    assert line == "A: 1497 numbers generate 6690 weights: 4.5 times fewer."


def test_a_warning_says_what_to_do():
    made = point(("A", "B"), seeds=2)
    for one in made.splits[0]["A"].outcomes.values():
        one.figures.update(inputs_saturated=0.9, norm_kept=0.9)
        vars(one).update(scale="none", scale_asked="none")
    lines = shown(sentence.foot, made, UNREAD)
    assert (
        "Saturated share of the squashed inputs (|tanh| > .99): A 0.90. Try recipe.scale=standard"
        " or a lower recipe.lr." in lines
    )
    assert (
        "Norm kept inside the cutoff below 0.99: A 0.900. Sweep the cutoff: -m"
        " backbone.cutoff=15,20,30." in lines
    )


# Rows whose NLL lie so far from the composed row's.
GAPS = {"better": 0.5, "worse": -0.5, "equivalent": 0.0}


def controlled(twin, frozen, base=3.0):
    """A plan with both controls of the circuit, and its rows, on which the verdicts are these."""
    plan = composition.compose_plan("compare=[twin,frozen_circuit]")
    labels = np.zeros(100, int)
    made = pair(differences(0.0, seed=0.001), base=base)
    rows = {"A": made.splits[0]["A"]}
    for name, word in (("twin", twin), ("frozen_circuit", frozen)):
        noise = 0.5 * PICTURES[None] if word == "undecided" else 0.001 * PICTURES[None]
        nll = np.repeat(base + GAPS.get(word, 0.04) + noise, 3, axis=0)
        rows[name] = row(name, np.stack([-nll, np.log1p(-np.exp(-nll))], -1), labels)
    made.splits[0] = rows
    made.isolates = dict(plan.labels.isolates)
    return plan, made


@pytest.mark.parametrize(
    ("twin", "frozen", "reply"),
    [
        ("better", "better", "Yes: A is better than twin and frozen_circuit."),
        ("worse", "better", "No: A is better than frozen_circuit; A is worse than twin."),
        ("equivalent", "equivalent", "No: A is within the margin of twin and frozen_circuit."),
        (
            "better",
            "equivalent",
            "In part: A is better than twin; A is within the margin of frozen_circuit.",
        ),
        (
            "undecided",
            "undecided",
            "Undecided: this run cannot tell A from twin or frozen_circuit.",
        ),
        (
            "better",
            "undecided",
            "Undecided: A is better than twin; this run cannot tell A from frozen_circuit.",
        ),
        (
            "worse",
            "undecided",
            "No: A is worse than twin; this run cannot tell A from frozen_circuit.",
        ),
    ],
)
def test_whether_the_circuit_helps_follows_from_its_two_controls(twin, frozen, reply):
    plan, made = controlled(twin, frozen)
    verdicts = {label: verdict.word for label, verdict in made.contrasts(MARGIN).items()}
    assert verdicts == {"twin": twin, "frozen_circuit": frozen}
    assert shown(sentence.answer, plan, made, MARGIN) == [f"Does the circuit help? {reply}"]


def test_failed_trainings_and_accuracies_that_contradict_leave_no_answer():
    plan, made = controlled("better", "better")
    made.splits[0]["twin"].errors[7] = "the loss is not finite"
    assert shown(sentence.answer, plan, made, MARGIN) == [
        "Does the circuit help? No verdict: trainings failed."
    ]
    plan, made = controlled("better", "better")
    labels = np.arange(200) % 2
    for name, share, confidence in (
        ("A", 0.5, 0.1),
        ("twin", 0.8, 50),
        ("frozen_circuit", 0.8, 50),
    ):
        generator = np.random.default_rng(round(1000 * share))
        sign = np.where(generator.random((4, 200)) < share, 1, -1)
        logits = np.zeros((4, 200, 2))
        logits[:, np.arange(200), labels] = confidence * sign
        made.splits[0][name] = row(name, logits, labels)
    assert {verdict.word for verdict in made.contrasts(MARGIN).values()} == {"better"}
    assert shown(sentence.answer, plan, made, MARGIN) == [
        "Does the circuit help? Undecided: NLL and accuracy disagree."
    ]
    assert verdict_word(made, "twin", "better") == "better by NLL"


@pytest.mark.parametrize(
    "words",
    [
        ("compare=[twin]",),
        ("compare=[frozen_circuit,C]",),
        ("compare=[]",),
        ("compare=[twin,frozen_circuit]", "+compare.twin.recipe.lr=0.1"),
        ("compare=[twin,B]", "head=classical"),
    ],
    ids=str,
)
def test_a_plan_without_both_controls_as_they_are_asks_no_such_question(words):
    plan = composition.compose_plan(*words)
    labels = tuple(plan.labels.names.values())
    made = point(labels, isolates=plan.labels.isolates)
    assert sentence.answer(plan, made, MARGIN) == []
