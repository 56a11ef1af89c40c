import numpy as np
import pytest
from rows import pair, point

from qtlrun.study import sentence

MARGIN = 0.05
# between seeds and between pictures only, so that the intervals are those of two small t tests
SEEDS, PICTURES = np.array([-1.0, 0, 1]), np.tile([-1.0, 1], 50)
HELD = {
    "backbone": {"weights": "pretrain", "pretrain": {"seed": 3}},
    "dataset": {"split_seed": 0, "validation": 0.1},
    "freeze": {"batch_norm": "eval"},
    "recipe": {"optimizer": "adam", "lr": 0.01, "epochs": 60, "schedule_step": "end"},
}


def differences(mean, seed=0.0, picture=0.0):
    return mean + seed * SEEDS[:, None] + picture * PICTURES[None]


# quantiles of t by hand: 4.303 for 2 degrees and 95 %, 2.920 for 90 %, 1.984 for 99 and 95 %, 1.660 for 90 %;
# the standard errors are seed/sqrt(3) and picture*sqrt(100/99)/10
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            differences(-0.3, seed=0.02),
            "-0.300 nats of NLL [-0.350, -0.250] (training noise 0.012, picture noise 0.000; 3 seeds, 100 pictures): A is better.",
        ),
        (
            differences(0.3, picture=0.5),
            "+0.300 nats of NLL [+0.200, +0.400] (training noise 0.000, picture noise 0.050; 3 seeds, 100 pictures): A is worse.",
        ),
        (
            differences(0.001, picture=0.1),
            "+0.001 nats of NLL [-0.019, +0.021] (training noise 0.000, picture noise 0.010; 3 seeds, 100 pictures): "
            "equivalent within the margin of 0.05.",
        ),
        (
            differences(0.03, picture=0.1),
            "+0.030 nats of NLL [+0.010, +0.050] (training noise 0.000, picture noise 0.010; 3 seeds, 100 pictures): "
            "equivalent within the margin of 0.05, the difference detectable, below the margin.",
        ),
        (
            differences(-1e-6, picture=0.001),
            "+0.000 nats of NLL [+0.000, +0.000] (training noise 0.000, picture noise 0.000; 3 seeds, 100 pictures): "
            "equivalent within the margin of 0.05.",
        ),
    ],
)
def test_a_decided_contrast_says_what_was_decided_and_by_how_much(values, said):
    (line,) = sentence.contrasts(pair(values), MARGIN)
    assert line == f"A - B, the whole head against one linear layer: {said}"


def test_an_undecided_contrast_says_what_would_decide_it_and_not_that_the_rows_are_equal():
    made = pair(differences(0.04, picture=0.5))
    verdict = made.contrasts(MARGIN)["B"]
    (line,) = sentence.contrasts(made, MARGIN)
    assert verdict.word == "undecided" and verdict.pictures > 100 and verdict.seeds is None
    assert line == (
        "A - B, the whole head against one linear layer: +0.040 nats of NLL [-0.060, +0.140] (training noise 0.000, "
        f"picture noise 0.050; 3 seeds, 100 pictures): undecided; about {verdict.pictures} pictures with these seeds would decide it."
    )


def test_seeds_that_would_decide_it_are_named():
    made = pair(differences(0.04, seed=0.03))
    verdict = made.contrasts(MARGIN)["B"]
    (line,) = sentence.contrasts(made, MARGIN)
    assert verdict.word == "undecided" and verdict.seeds > 3
    assert line.endswith(f": undecided; about {verdict.seeds} seeds on these pictures would decide it.")


def test_where_both_ways_decide_both_are_named_and_where_none_does_that_is_said():
    noise = np.random.default_rng(2).standard_normal((3, 100))
    both = pair(differences(0.04) + 0.4 * noise, base=5.0)
    verdict = both.contrasts(MARGIN)["B"]
    assert verdict.seeds > 3 and verdict.pictures > 100
    (line,) = sentence.contrasts(both, MARGIN)
    assert line.endswith(
        f": undecided; about {verdict.seeds} seeds on these pictures or about {verdict.pictures} pictures with these seeds"
        " would decide it."
    )
    none = pair(differences(0.05, seed=0.1, picture=0.5))
    assert (none.contrasts(0.01)["B"].seeds, none.contrasts(0.01)["B"].pictures) == (None, None)
    (line,) = sentence.contrasts(none, 0.01)
    assert line.endswith(": undecided; neither more seeds nor more pictures alone would decide it.")


@pytest.mark.parametrize(
    ("seeds", "noise"), [(1, "one seed"), (2, "training noise 0.000, picture noise 0.050; 2 seeds")]
)
def test_fewer_than_three_seeds_give_no_verdict_and_say_so(seeds, noise):
    (line,) = sentence.contrasts(pair(differences(5.0, picture=0.5)[:seeds]), MARGIN)
    assert line == (
        f"A - B, the whole head against one linear layer: +5.000 nats of NLL [+4.900, +5.100] ({noise}, 100 pictures): "
        "undecided; fewer than three seeds give no verdict."
    )


def test_what_is_undecided_is_never_worded_as_equal():
    generator, seen = np.random.default_rng(1), 0
    for _ in range(100):
        values = differences(*generator.normal(0, [0.1, 0.05, 0.5])) + generator.normal(0, 0.1, (3, 100))
        made = pair(values, base=5.0)
        (line,) = sentence.contrasts(made, MARGIN)
        if made.contrasts(MARGIN)["B"].word == "undecided":
            seen += 1
            assert "undecided" in line
            for word in ("equal", "equivalent", "same", "no difference", "significant", "better", "worse"):
                assert word not in line.partition("nats")[2]
    assert seen > 25


def test_every_reference_has_its_sentence_named_for_what_it_isolates():
    made = point(("A", "B", "twin"))
    lines = sentence.contrasts(made, MARGIN)
    assert [line.partition(":")[0] for line in lines] == ["A - B, what B shows", "A - twin, what twin shows"]


def test_the_foot_says_how_to_read_the_table():
    made = point(("A", "B"), said={"caution": "The test pictures are 40 only."})
    assert sentence.foot(made) == [
        "5 seeds on the same 40 test pictures; 95 % intervals over seeds and pictures; trained: circuit + head + backbone; "
        "seconds per seed.",
        "The test pictures are 40 only.",
    ]
    made.rows["B"].stored = True
    assert "† found in the store, not trained again." in sentence.foot(made)


def test_the_foot_of_two_seeds_doubts_its_intervals_and_that_of_one_seed_says_what_they_lack():
    two, one = sentence.foot(point(("A", "B"), seeds=2)), sentence.foot(point(("A", "B"), seeds=1))
    assert two[1] == "Two seeds: intervals may be too narrow, and there is no verdict."
    assert one == [
        "One seed on 40 test pictures; 95 % intervals over pictures alone; trained: circuit + head + backbone; seconds per seed."
    ]


def test_a_point_without_a_finished_row_has_no_foot():
    made = point(("A",))
    made.rows["A"].entries.clear()
    assert sentence.foot(made) == []


def test_what_was_held_fixed_is_said():
    assert sentence.held(HELD, {"A": HELD, "C": HELD}) == (
        "Held fixed for every row: split seed 0, weights pretrain (seed 3), one untuned recipe (adam, lr 0.01, 60 epochs)."
    )
    bare = HELD | {"backbone": {}, "dataset": {}}
    assert sentence.held(bare, {"A": bare}) == "Held fixed for every row: one untuned recipe (adam, lr 0.01, 60 epochs)."
    other = HELD | {"backbone": {"weights": "none"}, "recipe": HELD["recipe"] | {"lr": 1.0}}
    assert sentence.held(HELD, {"A": HELD, "scratch": other}) == "Held fixed for every row: split seed 0."


def test_published_defects_are_named():
    defects = {"freeze": {"frozen": "all", "batch_norm": "train"}, "dataset": {"split_seed": 0, "validation": "test"}}
    job = HELD | defects | {"recipe": HELD["recipe"] | {"schedule_step": "start"}}
    tuned = job | {"freeze": {"frozen": 0, "batch_norm": "train"}}  # moving statistics are no defect where all is trained
    assert sentence.held(job, {"A": job, "B": tuned}).endswith(
        " Published defects kept: freeze.batch_norm=train in A; dataset.validation=test in A, B; "
        "recipe.schedule_step=start in A, B."
    )


def test_every_failure_is_a_sentence_with_its_place():
    made = point(("A", "B"), keys={"circuit.qubits": 4, "recipe.lr": 0.00125})
    made.errors["twin"] = "MemoryError: 128 GiB"
    made.rows["A"].errors[3] = "the loss is not finite from epoch 2 on."
    where = "at circuit.qubits=4, recipe.lr=0.00125"
    assert sentence.errors(made) == [
        f"twin {where}: error: MemoryError: 128 GiB.",
        f"A {where}, seed 3: error: the loss is not finite from epoch 2 on.",
    ]
    made.keys = {}
    assert sentence.errors(made)[1] == "A, seed 3: error: the loss is not finite from epoch 2 on."
