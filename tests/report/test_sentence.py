import functools
import math

import composition
import numpy as np
import pytest
from rows import MNIST, generated, pair, point, random_logits, resplit, row

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.row import Duplicates, Likeness
from qtlrun.ledger import Readings
from qtlrun.plan import GROUPS, Plan, Variant
from qtlrun.plan.label import Labels
from qtlrun.report import frame as frames
from qtlrun.report import sentence

MARGIN = 0.05
PREDICTED = ": undecided; a difference of 0.05 would be detected, four times in five,"
# between seeds and between pictures only, so that the intervals are those of two small t tests
SEEDS, PICTURES = np.array([-1.0, 0, 1]), np.tile([-1.0, 1], 50)
HELD = {
    "backbone": {"weights": "pretrain", "pretrain": {"seed": 3}},
    "dataset": {"split_seed": 0, "validation": 0.1},
    "freeze": {"frozen": "all", "batch_norm": "eval"},
    "head": {"angles": "trained"},
    "recipe": {"optimizer": "adam", "lr": 0.01, "epochs": 60, "schedule_step": "end"},
    "splits": 1,
    "folds": None,
    "tune": 0,
}


# Parts whose facts tell of the values in these tests, by group and a value that only one has
TARGETS = {
    "dataset": {"": "qtlrun.dataset.spirals.spirals"},
    "backbone": {
        "squeezing": "qtlrun.backbone.photonic.Photonic",
        "activation": "qtlrun.backbone.convolution.Convolution",
        "": "qtlrun.backbone.small.Small",
    },
    "freeze": {"": "qtlrun.freeze.Freeze"},
    "recipe": {"": "qtlrun.recipe.Recipe"},
    "head": {"lost": "qtlrun.head.photonic.PhotonicHead", "": "qtlrun.head.dressed.Quantum"},
    "parametrization": {"": "qtlrun.parametrization.quantum_train.QuantumTrain"},
}


def targeted(group, part):
    """A part with the class that takes its values."""
    if group not in TARGETS:
        return part
    target = next(target for name, target in TARGETS[group].items() if not name or name in part)
    return {"_target_": target} | part


@functools.cache
def default():
    return composition.compose_plan("compare=[]").values


def held(values, rows, finished=None):
    """The sentence of a plan with these values, whose variants have those of `rows`."""
    plan = Plan(default() | values)
    variants = {
        name: Variant.of(
            default() | {group: targeted(group, row[group]) for group in GROUPS if group in row}
        )
        for name, row in rows.items()
    }
    names = {name: name for name in rows}
    vars(plan).update(
        model=Variant.of(default() | values),
        composed=next(iter(rows)),
        variants=variants,
        labels=Labels(names, {}, ()),
    )
    comparison = Comparison({}, plan.composed, splits=[finished or {}])
    return sentence.held_fixed(plan, comparison).full


def written(write, *values):
    """Sentences in table.md."""
    return sentence.written(write(*values))


def shown(write, *values):
    """Sentences on the terminal."""
    return sentence.shown(write(*values))


UNREAD = Readings()
READ = sentence.readers(UNREAD, "picture").full


def differences(mean, seed=0.0, picture=0.0):
    return mean + seed * SEEDS[:, None] + picture * PICTURES[None]


# quantiles of t by hand: 4.303 for 2 degrees and 95 %, 2.920 for 90 %, 1.984 for 99 and 95 %, 1.660
# for 90 %;
# the standard errors are seed/sqrt(3) and picture*sqrt(100/99)/10
@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            differences(-0.3, seed=0.02),
            (
                "-0.300 nats of NLL [-0.350, -0.250] (training noise 0.012, picture noise 0.000; 3"
                " seeds, 100 pictures), accuracy +0.333 [-1.000, +1.000]: A is better."
            ),
        ),
        (
            differences(0.3, picture=0.5),
            (
                "+0.300 nats of NLL [+0.200, +0.400] (training noise 0.000, picture noise 0.050; 3"
                " seeds, 100 pictures), accuracy +0.000 [-0.028, +0.028]: A is worse."
            ),
        ),
        (
            differences(0.001, picture=0.1),
            (
                "+0.001 nats of NLL [-0.019, +0.021] (training noise 0.000, picture noise 0.010; 3"
                " seeds, 100 pictures), accuracy +0.000 [-0.028, +0.028]: equivalent within the"
                " margin of 0.05 nats."
            ),
        ),
        (
            differences(0.03, picture=0.1),
            (
                "+0.030 nats of NLL [+0.010, +0.050] (training noise 0.000, picture noise 0.010; 3"
                " seeds, 100 pictures), accuracy +0.000 [-0.028, +0.028]: within 0.05 nats of each"
                " other, and A is detectably worse."
            ),
        ),
        (
            differences(-1e-6, picture=0.001),
            (
                "+0.000 nats of NLL [+0.000, +0.000] (training noise 0.000, picture noise 0.000; 3"
                " seeds, 100 pictures), accuracy +0.000 [-0.028, +0.028]: equivalent within the"
                " margin of 0.05 nats."
            ),
        ),
    ],
)
def test_a_decided_contrast_says_what_was_decided_and_by_how_much(values, said):
    (line,) = written(sentence.contrasts, pair(values), MARGIN)
    assert line == f"A - B, the whole head against one linear layer: {said}"


def test_an_undecided_contrast_says_what_would_decide_it_and_not_that_the_rows_are_equal():
    made = pair(differences(0.04, picture=0.5), base=5.0)
    verdict = made.contrasts(MARGIN)["B"]
    (line,) = written(sentence.contrasts, made, MARGIN)
    # four of five at 5 %: a difference of 2.8 errors, which are 0.5 / root of the pictures
    assert verdict.word == "undecided" and verdict.need.seeds is None
    assert verdict.need.pictures == pytest.approx((2.8 * 0.5 / MARGIN) ** 2, rel=0.05)
    assert (
        line
        == "A - B, the whole head against one linear layer: +0.040 nats of NLL [-0.060, +0.140]"
        " (training noise 0.000, picture noise 0.050; 3 seeds, 100 pictures), accuracy +0.000"
        " [-0.028, +0.028]: undecided; a difference of 0.05 would be detected, four times in"
        f" five, by about {verdict.need.pictures} pictures with these seeds."
    )


def test_seeds_that_would_decide_it_are_named():
    made = pair(differences(0.04, seed=0.03))
    verdict = made.contrasts(MARGIN)["B"]
    (line,) = written(sentence.contrasts, made, MARGIN)
    assert verdict.word == "undecided" and verdict.need.seeds > 3
    assert line.endswith(f"{PREDICTED} by about {verdict.need.seeds} seeds on these pictures.")


def test_where_both_ways_decide_both_are_named():
    noise = np.random.default_rng(2).standard_normal((3, 100))
    both = pair(differences(0.04) + 0.4 * noise, base=5.0)
    verdict = both.contrasts(MARGIN)["B"]
    assert verdict.need.seeds > 3 and verdict.need.pictures > 100
    (line,) = written(sentence.contrasts, both, MARGIN)
    assert line.endswith(
        f"{PREDICTED} by about {verdict.need.seeds} seeds on these pictures or about"
        f" {verdict.need.pictures} pictures with these seeds."
    )


def test_where_neither_decides_alone_both_together_are_named():
    made = pair(differences(0.05, seed=0.1, picture=0.5), base=5.0)
    verdict = made.contrasts(0.01)["B"]
    assert (verdict.need.seeds, verdict.need.pictures) == (None, None)
    factor = statistic.needed(verdict.interval, 0.01).both
    (line,) = written(sentence.contrasts, made, 0.01)
    assert line.endswith(
        ": undecided; a difference of 0.01 would be detected, four times in five, by "
        f"about {math.ceil(3 * factor)} seeds on {math.ceil(100 * factor)} pictures."
    )


def test_where_no_number_is_enough_that_is_said():
    made = pair(differences(0.05, seed=0.1, picture=0.5), base=5.0)
    (line,) = written(sentence.contrasts, made, 1e-6)
    assert line.endswith(
        ": undecided; no number of seeds or pictures alone would detect a difference of 1e-06."
    )


def test_a_size_that_would_have_detected_the_margin_says_so_and_asks_for_no_more():
    # an error of 0.0175: 2.9 of them are the margin, 1.9 the difference
    made = pair(differences(0.033, picture=0.174))
    (line,) = written(sentence.contrasts, made, MARGIN)
    assert line.endswith(
        ": undecided; this size would detect a difference of 0.05 four times in five."
    )


def test_what_would_decide_depends_on_the_margin_and_not_on_the_difference_seen():
    lines = [
        written(sentence.contrasts, pair(differences(mean, picture=0.5), base=5.0), MARGIN)[0]
        for mean in (0.0, 0.04, -0.06)
    ]
    assert len({line.partition("undecided; ")[2] for line in lines}) == 1 and all(
        "undecided; a" in line for line in lines
    )


@pytest.mark.parametrize(
    ("seeds", "noise"), [(1, "one seed"), (2, "training noise 0.000, picture noise 0.050; 2 seeds")]
)
def test_fewer_than_three_seeds_give_no_verdict_and_say_so(seeds, noise):
    (line,) = written(sentence.contrasts, pair(differences(5.0, picture=0.5)[:seeds]), MARGIN)
    assert (
        line
        == "A - B, the whole head against one linear layer: +5.000 nats of NLL [+4.900, +5.100]"
        f" ({noise}, 100 pictures), accuracy +0.000 [-0.028, +0.028]: undecided; fewer than"
        " three seeds give no verdict."
    )


def test_what_is_undecided_is_never_worded_as_equal():
    generator, seen = np.random.default_rng(1), 0
    for _ in range(100):
        values = differences(*generator.normal(0, [0.1, 0.05, 0.5])) + generator.normal(
            0, 0.1, (3, 100)
        )
        made = pair(values, base=5.0)
        (line,) = written(sentence.contrasts, made, MARGIN)
        if made.contrasts(MARGIN)["B"].word == "undecided":
            seen += 1
            assert "undecided" in line
            for word in (
                "equal",
                "equivalent",
                "same",
                "no difference",
                "significant",
                "better",
                "worse",
            ):
                assert word not in line.partition("nats")[2]
    assert seen > 25


def test_every_reference_has_its_sentence_named_for_what_it_isolates():
    made = point(("A", "B", "twin"))
    lines = written(sentence.contrasts, made, MARGIN)
    assert [line.partition(":")[0] for line in lines] == [
        "A - B, what B shows",
        "A - twin, what twin shows",
    ]


def test_the_foot_says_how_to_read_the_table():
    made = point(("A", "B"), said={"caution": "The test pictures are 40 only."})
    assert written(sentence.foot, made, UNREAD) == [
        (
            "5 seeds on the same 40 test pictures; 95 % intervals over seeds and pictures; trained:"
            " circuit + head + backbone; seconds per seed."
        ),
        READ,
        "The test pictures are 40 only.",
    ]
    made.splits[0]["B"].stored = True
    assert "† found in the store, not trained again." in written(sentence.foot, made, UNREAD)


def test_the_foot_of_two_seeds_doubts_its_intervals_and_that_of_one_seed_says_what_they_lack():
    two, one = (
        written(sentence.foot, point(("A", "B"), seeds=2), UNREAD),
        written(sentence.foot, point(("A", "B"), seeds=1), UNREAD),
    )
    assert two[1] == "Two seeds: intervals may be too narrow, and there is no verdict."
    assert one == [
        (
            "One seed on 40 test pictures; 95 % intervals over pictures alone; trained: circuit +"
            " head + backbone; seconds per seed."
        ),
        READ,
    ]


@pytest.mark.parametrize(
    "reads, words",
    [
        (Readings(1, 1), "These test pictures have been read by 1 plan of this store; "),
        (Readings(7, 7), "These test pictures have been read by up to 7 plans of this store; "),
        (Readings(1, 4), "read by 1 plan of this store, their pool by 4; "),
        (Readings(3, 9), "read by up to 3 plans of this store, their pool by 9; "),
    ],
)
def test_the_foot_says_how_many_plans_have_read_the_test_items_and_what_it_cannot_know(
    reads, words
):
    made = point(("A", "B"), said={"reads": reads})
    (full,) = [line for line in written(sentence.foot, made, made.reads) if "been read" in line]
    (brief,) = [line for line in shown(sentence.foot, made, made.reads) if "been read" in line]
    assert words in full and words in brief and "readings elsewhere are unknown" in brief
    for source in ("other machines", "other stores", "other programs", "by eye"):
        assert source in full and source not in brief


def test_of_several_splits_the_largest_counts_stand():
    made = resplit(("A", "B"), splits=2)
    made.splits[0]["A"].reads, made.splits[1]["B"].reads = Readings(5, 6), Readings(2, 8)
    assert made.reads == Readings(5, 8)


def test_the_foot_of_several_splits_says_over_what_its_intervals_are():
    made = resplit(splits=3, seeds=2)
    assert (
        written(sentence.foot, made, UNREAD)[0]
        == "3 splits of 2 seeds, 40 test pictures each; 95 % intervals over other pools like"
        " this one, their splits and pictures; trained: circuit + head + backbone; seconds per"
        " seed."
    )
    assert not any(line.startswith("Two seeds") for line in written(sentence.foot, made, UNREAD))


def test_the_foot_of_splits_that_are_drawn_anew_says_so_and_speaks_of_no_pool():
    made = resplit(splits=3, seeds=2, trained_on=16)
    for rows in made.splits:
        for one in rows.values():
            one.independent = True
    lines = written(sentence.foot, made, UNREAD)
    assert lines == [
        (
            "3 splits of 2 seeds, 40 test pictures each; 95 % intervals over data drawn anew; "
            "trained: circuit + head + backbone; seconds per seed."
        ),
        READ,
    ]


def test_the_foot_of_splits_stands_though_a_row_lost_all_its_seeds():
    made = resplit(("A", "B", "C"), splits=3, seeds=2)
    for rows in made.splits:
        rows["B"].outcomes.clear()
    assert written(sentence.foot, made, UNREAD)[0].startswith(
        "3 splits of 2 seeds, 40 test pictures each;"
    )


def test_a_contrast_over_splits_names_their_noise():
    made = resplit(splits=3, seeds=2)
    gap = made.contrasts(MARGIN)["B"].interval
    (line,) = written(sentence.contrasts, made, MARGIN)
    assert (
        f"(noise of splits and training {gap.training:.3f}; 3 splits, 2 seeds and 40 pictures each,"
        f" trained on {gap.share:.0%} of the pool)" in line
    )
    (line,) = written(sentence.contrasts, resplit(splits=3, seeds=1, same=True), MARGIN)
    assert (
        "; 3 seeds, each on its own split, 40 pictures each, " in line
        and ", picture noise " in line
    )


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_fewer_than_three_splits_give_no_verdict_and_say_so(seeds):
    (line,) = written(sentence.contrasts, resplit(splits=2, seeds=seeds), MARGIN)
    assert line.endswith(": undecided; fewer than three splits give no verdict.")


def test_what_was_tuned_is_said_with_the_number_of_its_draws():
    for count, words in ((2, "1 draw"), (16, "15 draws")):
        job = composition.compose_plan("backbone=identity", "compare=[]", f"tune={count}").values
        drawn = "head.spread, recipe.backbone_lr, recipe.lr, recipe.scale, recipe.weight_decay"
        assert held(job, {"A": job}).endswith(
            f": one recipe (adam, 60 epochs), as it stands or as drawn ({words} of {drawn}, the"
            " same for every row), chosen by validation NLL."
        )
    job = composition.compose_plan(
        "backbone=identity",
        "head=classical",
        "compare=[]",
        "tune=2",
        "+recipe.space.epochs=[10,20]",
        "~recipe.space.lr",
    ).values
    assert (
        "one recipe (adam), as it stands or as drawn (1 draw of recipe.backbone_lr, recipe.epochs,"
        " recipe.scale" in held(job, {"C": job})
    )


def test_a_split_seed_that_is_redrawn_is_not_held_fixed():
    folded = HELD["dataset"] | {"fold": None}
    for change in ({"splits": 3}, {"folds": 5, "dataset": folded}):
        job = HELD | change
        assert "split seed" not in held(job, {"A": job})


def test_a_failure_in_one_of_several_splits_says_in_which():
    made = resplit(splits=3, seeds=3)
    made.splits[1]["B"].errors[5] = "the loss is not finite from epoch 2 on"
    assert written(sentence.errors, made) == [
        "B, split 1, seed 5: error: the loss is not finite from epoch 2 on."
    ]


def test_finished_trainings_that_the_means_of_a_row_leave_out_are_counted():
    """Of 3, 2 and 3 trainings each split has 2 in the means, and one of 0 is none."""
    made = resplit(splits=4, seeds=3)
    del made.splits[1]["B"].outcomes[3]
    made.splits[3]["B"].outcomes.clear()
    assert made.accuracy("B").seeds == 2
    assert written(sentence.errors, made) == [
        "B: its accuracy and NLL leave out 2 finished trainings, so that every split has as many;"
        " rows.csv has all."
    ]


def test_a_point_without_a_finished_row_has_no_foot():
    made = point(("A",))
    made.splits[0]["A"].outcomes.clear()
    assert written(sentence.foot, made, UNREAD) == []


def test_what_was_held_fixed_is_said():
    assert (
        held(HELD, {"A": HELD, "C": HELD})
        == "Held fixed for every row: split seed 0, weights pretrain (seed 3), one untuned recipe"
        " (adam, lr 0.01, 60 epochs)."
    )
    bare = HELD | {"backbone": {}, "dataset": {}}
    assert (
        held(bare, {"A": bare})
        == "Held fixed for every row: one untuned recipe (adam, lr 0.01, 60 epochs)."
    )
    other = HELD | {"backbone": {"weights": "none"}, "recipe": HELD["recipe"] | {"lr": 1.0}}
    assert (
        held(HELD, {"A": HELD, "scratch": other})
        == "Held fixed for every row: split seed 0, weights pretrain (seed 3) in the composed row."
    )


@pytest.mark.parametrize(
    "backbone, said",
    [
        (
            {"weights": "none", "seed": 4},
            "dataset seed 7, backbone seed 4, split seed 0, weights none, ",
        ),
        ({"seed": 4}, "dataset seed 7, backbone seed 4, split seed 0, "),
        (
            {"weights": "mari2019", "seed": 4},
            "dataset seed 7, split seed 0, weights mari2019, ",
        ),  # nothing is drawn
    ],
)
def test_the_seeds_of_the_data_and_of_random_weights_are_held_fixed(backbone, said):
    job = HELD | {"backbone": backbone, "dataset": HELD["dataset"] | {"seed": 7}}
    assert (
        held(job, {"A": job})
        == f"Held fixed for every row: {said}one untuned recipe (adam, lr 0.01, 60 epochs)."
    )


def test_classes_that_the_recipe_weighs_are_said():
    job = HELD | {"recipe": HELD["recipe"] | {"class_weights": "balanced"}}
    words = "one untuned recipe (adam, lr 0.01, 60 epochs, rare classes weighted up)."
    assert held(job, {"A": job}).endswith(words)


def test_the_seed_of_random_weights_that_are_trained_is_not_held_fixed():
    job = HELD | {
        "backbone": {"weights": "none", "seed": 4},
        "freeze": HELD["freeze"] | {"frozen": 0},
    }
    assert (
        held(job, {"B": job})
        == "Held fixed for every row: split seed 0, weights none, one untuned recipe (adam, lr"
        " 0.01, 60 epochs)."
    )


def test_published_defects_are_named():
    defects = {
        "freeze": {"frozen": "all", "batch_norm": "train"},
        "dataset": {"split_seed": 0, "validation": "test"},
    }
    job = HELD | defects | {"recipe": HELD["recipe"] | {"schedule_step": "start"}}
    tuned = job | {
        "freeze": {"frozen": 0, "batch_norm": "train"}
    }  # moving statistics are no defect where all is trained
    assert held(job, {"A": job, "B": tuned}).endswith(
        " Published defects kept: dataset.validation=test; freeze.batch_norm=train in A;"
        " recipe.schedule_step=start."
    )


@pytest.mark.parametrize(
    ("group", "values", "said"),
    [
        ("recipe", {"reduction": "sum"}, "recipe.reduction=sum"),
        ("dataset", {"scaled_by": "all"}, "dataset.scaled_by=all"),
        ("dataset", {"mirrored": True}, "dataset.mirrored=true"),
        ("dataset", {"draw": "mari2019"}, "dataset.draw=mari2019"),
        ("dataset", {"order": "after_classical"}, "dataset.order=after_classical"),
        ("backbone", {"squeezing": False}, "backbone.squeezing=false"),
        ("head", {"lost": "first"}, "head.lost=first"),
        ("backbone", {"activation": "none"}, "backbone.activation=none"),
        (
            "parametrization",
            {"activation": "none", "source": "circuit"},
            "parametrization.activation=none",
        ),
    ],
)
def test_a_published_defect_is_named_where_a_row_has_it(group, values, said):
    row = HELD | {group: HELD.get(group, {}) | values}
    assert held(HELD, {"A": HELD, "twin": row}).endswith(
        f" Published defects kept: {said} in twin."
    )


def test_what_is_sound_is_no_defect():
    dataset = {"scaled_by": "train", "mirrored": False, "draw": "apart", "order": "drawn"}
    row = (
        HELD
        | {"dataset": dataset, "recipe": HELD["recipe"] | {"reduction": "mean"}}
        | {"backbone": {"squeezing": True}, "head": {"lost": "halved"}}
    )
    assert "defect" not in held(row, {"A": row})


@pytest.mark.parametrize("source", ["hashing", "low_rank"])
def test_a_rival_without_a_mapping_keeps_no_defect_of_it(source):
    part = {"activation": "none", "source": "circuit"}
    rows = {
        "composed": HELD | {"parametrization": part},
        source: HELD | {"parametrization": part | {"source": source}},
    }
    assert held(HELD, rows).endswith(
        " Published defects kept: parametrization.activation=none in composed."
    )


def test_a_generated_row_says_how_many_weights_come_from_how_many_numbers():
    made = generated(
        point(("composed", "B"), seeds=3, pictures=100), "composed", {10**3: 0.25, 10**6: 0.9}
    )
    exact = made.metrics("composed")["test_accuracy"].mean()
    assert written(sentence.generated, made) == [
        "composed: 1497 numbers generate 6690 weights: 4.5 times fewer; 1223 of 1248 angles live,"
        " mapping 249; 13 qubits, 416 gates; Jacobian's rank 1237 (seed 0); 4577 executions per"
        f" step by parameter-shift; accuracy 0.910 at 10^6 shots, {exact:.3f} exact."
    ]


def test_where_numbers_are_no_fewer_than_the_weights_that_is_said():
    # Iris, 4-8-3: 67 weights by 168 angles and a mapping of 225
    iris = {
        "weights_generated": 67,
        "parameters_circuit": 168,
        "parameters_mapping": 225,
        "compression": 67 / 393,
        "generator_qubits": 7,
        "generator_gates": 56,
        "angles_live": 155,
        "executions_step": 617,
    }
    (line,) = written(sentence.generated, generated(point(("A",), seeds=2), "A", values=iris))
    assert (
        line
        == "A: 393 numbers generate 67 weights: no compression; 155 of 168 angles live, mapping"
        " 225; 7 qubits, 56 gates; 617 executions per step by parameter-shift."
    )
    (line,) = written(
        sentence.generated,
        generated(
            point(("A",), seeds=2),
            "A",
            values=iris | {"weights_generated": 393, "compression": 1.0},
        ),
    )
    assert line.startswith("A: 393 numbers generate 393 weights: no compression; ")
    (line,) = written(
        sentence.generated,
        generated(
            point(("A",), seeds=2),
            "A",
            values=iris | {"weights_generated": 400, "compression": 400 / 393},
        ),
    )
    assert line.startswith("A: 393 numbers generate 400 weights: 1.02 times fewer; ")


def test_a_generator_without_a_circuit_speaks_of_none():
    rival = {
        "weights_generated": 6690,
        "parameters_mapping": 1497,
        "compression": 6690 / 1497,
        "generator_rank": 1490,
    }
    made = generated(
        generated(point(("composed", "hashing", "B")), "composed"), "hashing", values=rival
    )
    assert written(sentence.generated, made)[1:] == [
        "hashing: 1497 numbers generate 6690 weights: 4.5 times fewer; Jacobian's rank 1490"
        " (seed 0)."
    ]


def test_angles_of_a_head_are_none_of_the_generator():
    (line,) = written(
        sentence.generated,
        generated(point(("A",), seeds=2), "A", values=MNIST | {"parameters_circuit": 1248 + 24}),
    )
    assert "; 1223 of 1248 angles live, mapping 249; " in line


def test_a_generator_whose_angles_are_frozen_says_that_none_is_trained():
    frozen = {name: value for name, value in MNIST.items() if name != "executions_step"} | {
        "parameters_circuit": 0,
        "angles_live": 0,
        "compression": 6690 / 249,
        "generator_rank": 238,
    }
    assert written(sentence.generated, generated(point(("A",), seeds=2), "A", values=frozen)) == [
        "A: 249 numbers generate 6690 weights: 26.9 times fewer; no angle trained, mapping 249; 13"
        " qubits, 416 gates; Jacobian's rank 238 (seed 0)."
    ]


def test_a_rank_is_that_of_one_seed_which_is_named():
    made = generated(point(("A",), seeds=3), "A")
    for seed in (0, 2):
        del made.splits[0]["A"].outcomes[seed].figures["generator_rank"]
    assert "; Jacobian's rank 1237 (seed 1); " in written(sentence.generated, made)[0]


@pytest.mark.parametrize(
    "numbers, said",
    [
        (1500, []),
        (
            395,
            ["same_count trains 395 numbers and A 1497: not the same count; give it other widths."],
        ),
    ],
)
def test_a_network_of_the_same_count_that_has_another_is_said(numbers, said):
    made = generated(point(("A", "same_count"), seeds=2), "A")
    for outcome in made.splits[0]["same_count"].outcomes.values():
        outcome.figures["parameters_head"] = numbers
    for outcome in made.splits[0]["A"].outcomes.values():
        outcome.figures["parameters_head"] = 0
    assert written(sentence.generated, made)[1:] == said


def test_rows_that_train_their_own_weights_have_no_such_line():
    made = point(("A", "B"))
    made.splits[0]["B"].outcomes.clear()
    assert written(sentence.generated, made) == []


def test_the_foot_beneath_a_generated_row_explains_its_columns():
    assert written(sentence.foot, generated(point(("A", "B")), "A"), UNREAD) == [
        (
            "5 seeds on the same 40 test pictures; 95 % intervals over seeds and pictures; trained:"
            " circuit + rest of the generator + head + backbone; gap: accuracy on the whole"
            " training split - accuracy; seconds per seed."
        ),
        READ,
    ]


def shares(**values):
    """A point of rows A, B and twin; `values` are the shares that each of them keeps."""
    made = point(("A", "B", "twin"), seeds=2)
    for name, kept in values.items():
        for seed, one in made.splits[0][name].outcomes.items():
            one.figures.update({key: share + 0.01 * seed for key, share in kept.items()})
    return made


def test_a_cutoff_that_loses_probability_is_warned_of_with_the_rows_and_their_means():
    lines = written(
        sentence.foot,
        shares(A={"norm_kept": 0.897}, B={"norm_kept": 0.99}, twin={"norm_kept": 0.9805}),
        UNREAD,
    )
    (line,) = [line for line in lines if "cutoff" in line]
    # means of two seeds a hundredth apart: .902, .995 and .9855, which two digits would show as the
    # .99 that it is below
    assert (
        line
        == "Norm kept inside the cutoff: A 0.902, twin 0.986; below 0.99 these are figures of the"
        " truncated model, not of the states. Sweep the cutoff: -m backbone.cutoff=15,20,30."
    )
    assert not any("ost-selection" in line for line in lines)


def test_what_post_selection_throws_away_is_said_of_the_rows_that_select():
    lines = written(
        sentence.foot,
        shares(A={"norm_kept": 1.0, "post_selected": 0.302}, B={"norm_kept": 1.0}),
        UNREAD,
    )
    said = (
        "Post-selection keeps this share of the probability, and a device would throw the rest"
        " away: A 0.31."
    )
    assert said in lines and not any("cutoff" in line for line in lines)


def test_the_norm_that_amplitudes_lose_is_said_once_of_rows_with_the_same():
    kept = {"norm_lost": 4.0, "norm_spread": 0.1}
    lines = written(
        sentence.foot, shares(A=kept, twin=kept, B={"norm_lost": 2, "norm_spread": 0.3}), UNREAD
    )
    (line,) = [line for line in lines if "norm" in line]
    # means of two seeds a hundredth apart: 4.005 and 2.005, .105 and .305
    assert line.startswith(
        "Lost norm of the features that become amplitudes, mean:"
        " 4 (standard deviation 11 % of it) in A, twin;"
        " 2 (standard deviation 30 % of it) in B. Amplitudes have norm 1"
    )


def test_rows_without_photons_have_nothing_to_say_of_a_cutoff():
    assert not any(
        "cutoff" in line or "selection" in line
        for line in written(sentence.foot, point(("A", "B")), UNREAD)
    )


@pytest.mark.parametrize("noun", ["item", "state"])
def test_test_items_are_called_what_they_are(noun):
    made = point(("A", "B"), said={"noun": noun})
    said = " ".join(
        [*written(sentence.contrasts, made, MARGIN), *written(sentence.foot, made, UNREAD)]
    )
    assert f"5 seeds and 40 {noun}s" in said or f"5 seeds, 40 {noun}s" in said
    assert (
        f"5 seeds on the same 40 test {noun}s; 95 % intervals over seeds and {noun}s;" in said
        and "picture" not in said
    )


def test_every_failure_is_a_sentence_with_its_place():
    made = point(("A", "B"), keys={"circuit.qubits": 4, "recipe.lr": 0.00125})
    made.errors["twin"] = "MemoryError: 128 GiB"
    made.splits[0]["A"].errors[3] = "the loss is not finite from epoch 2 on."
    where = "at circuit.qubits=4, recipe.lr=0.00125"
    assert written(sentence.errors, made) == [
        f"twin {where}: error: MemoryError: 128 GiB.",
        f"A {where}, seed 3: error: the loss is not finite from epoch 2 on.",
    ]
    made.keys = {}
    assert (
        written(sentence.errors, made)[1]
        == "A, seed 3: error: the loss is not finite from epoch 2 on."
    )


def test_equal_items_and_files_of_weights_are_said_under_the_table():
    made = point(("A", "B"), said={"files": {"weights": "ab" * 32}})
    (rows,) = made.splits
    assert written(sentence.data, [made]) == ["weights sha256 abababababab."]
    rows["B"].files = {"weights": "cd" * 32, "head.state": "ef" * 32}
    assert (
        written(sentence.data, [made])[0]
        == "weights sha256 abababababab (A), weights sha256 cdcdcdcdcdcd (B), head.state sha256"
        " efefefefefef (B)."
    )
    rows["B"].files = rows["A"].files = {}
    counts = {
        "distinct": 30,
        "repeated": 9,
        "contradictory": 2,
        "test": 24,
        "test_in_train": 5,
        "test_in_validation": 1,
        "validation": 6,
        "validation_in_train": 3,
    }
    rows["A"].duplicates = rows["B"].duplicates = Duplicates(**counts)
    assert written(sentence.data, [made]) == [
        "Equal pictures: 5 of 24 test pictures are also in train, so that accuracy there may be"
        " memory; 3 of 6 validation pictures are also in train; 1 of 24 test pictures are also in"
        " validation; 9 of 30 different pictures stand twice or more; 2 of them in two classes,"
        " with two labels."
    ]
    rows["A"].duplicates = rows["B"].duplicates = Duplicates(30, 9, 0, 24, 0, 0, 6, 0)
    assert (
        written(sentence.foot, made, UNREAD)[-1]
        == "Equal pictures: 9 of 30 different pictures stand twice or more."
    )
    rows["A"].duplicates = rows["B"].duplicates = Duplicates(30, 0, 0, 24, 0, 0, 6, 0)
    assert written(sentence.data, [made]) == []


def test_of_several_splits_the_one_with_most_equal_items_is_said():
    made = resplit()
    for number, rows in enumerate(made.splits):
        for each in rows.values():
            each.duplicates = Duplicates(30, 9, 0, 24, number, 0, 6, 0)
    assert written(sentence.data, [made]) == [
        "Equal pictures, in the split that has most: 2 of 24 test pictures are also in train, so"
        " that accuracy there may be memory; 9 of 30 different pictures stand twice or more."
    ]


def data_notes(**said):
    """Notes on data of two rows."""
    return sentence.data([point(("A", "B"), said=said)])


def test_pictures_that_look_alike_are_counted_and_named_and_two_labels_are_not_met_in_silence():
    notes = data_notes(
        likeness=Likeness(
            test_in_train=2,
            validation_in_train=1,
            conflicting=4,
            copies=(("train/a/1.png", "test/a/2.png"),),
            alike=(("train/a/3.png", "test/a/4.png"), ("train/b/5.png", "test/b/6.png")),
            conflicts=(("train/a/115.png", "test/b/76.png"),),
        ),
        counts={
            "train": {"a": 5, "b": 5},
            "validation": {"a": 3, "b": 3},
            "test": {"a": 9, "b": 9},
        },
        validated_on=6,
    )
    assert [note.full for note in notes] == [
        "Pictures by class: train 5 a, 5 b; validation 3 a, 3 b; test 9 a, 9 b.",
        "Equal in two splits: train/a/1.png and test/a/2.png.",
        "Near duplicates, by difference hash: 2 of 18 test pictures look like one in train; 1 of 6"
        " validation pictures look like one in train (train/a/3.png and test/a/4.png, train/b/5.png"
        " and test/b/6.png).",
        "Equal or alike under two labels: 4, train/a/115.png and test/b/76.png.",
    ]
    assert [note.short for note in notes if note.short] == [
        "Near duplicates: 2 of 18 test pictures look like one in train.",
        "Equal or alike under two labels: 4, train/a/115.png and test/b/76.png.",
    ]


def test_pictures_that_were_not_compared_are_said_in_the_file():
    (note,) = data_notes(likeness=Likeness(compared=False))
    assert note.full == "Near duplicates: not compared; too many pictures, or not in files."
    assert note.short == ""


def test_classes_of_which_train_has_few_are_said_on_the_terminal():
    def counts(cat, dog):
        return {"train": {"cat": cat, "dog": dog}, "test": {"cat": 9, "dog": 3}}

    (balanced,) = data_notes(counts=counts(29, 10))
    assert balanced.short == ""
    (note,) = data_notes(counts=counts(30, 10))
    warning = (
        "Imbalanced classes: train has 30 cat to 10 dog; always cat has accuracy 0.750 on test."
        " table.md has balanced accuracy and AUROC."
    )
    assert note.short == warning
    assert note.full == f"{warning} Pictures by class: train 30 cat, 10 dog; test 9 cat, 3 dog."
    (many,) = data_notes(counts={"train": {str(n): 20 + n for n in range(13)}})
    assert many.full == "Pictures by class: train 13 classes of 20 to 32."


def with_failures(made, **errors):
    """The point in which seeds of these rows failed."""
    for name, seeds in errors.items():
        made.splits[0][name].errors.update(
            dict.fromkeys(seeds, "the loss is not finite from epoch 1 on")
        )
    return made


@pytest.mark.parametrize("mean", [-0.3, 0.3, 0.0, 0.04])
@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ({"A": [7, 8]}, "2 of 5 trainings of A failed"),
        ({"B": [7]}, "1 of 4 trainings of B failed"),
        ({"A": [7], "B": [8]}, "1 of 4 trainings of A and 1 of 4 trainings of B failed"),
    ],
)
def test_a_row_with_failed_seeds_gets_no_verdict_and_its_failures_are_counted(mean, errors, words):
    made = with_failures(pair(differences(mean, picture=0.1)), **errors)
    verdict = made.contrasts(MARGIN)["B"]
    assert (verdict.word, verdict.detectable, verdict.need) == (
        "undecided",
        False,
        statistic.Need(),
    )
    assert {one.word for one in made.accuracy_contrasts().values()} == {"undecided"}
    (line,) = written(sentence.contrasts, made, MARGIN)
    assert line.endswith(f": no verdict, because {words}; these figures are of the others.")
    assert pair(differences(-0.3)).contrasts(MARGIN)["B"].word == "better"


def answered(right, confidence, pictures=200, seeds=4):
    """Logits of two classes, half the labels each: this share right, and the label's logit above
    the other's so far.
    """
    labels = np.arange(pictures) % 2
    logits = np.zeros((seeds, pictures, 2))
    generator = np.random.default_rng(round(1000 * right))
    sign = np.where(generator.random((seeds, pictures)) < right, 1, -1)
    logits[:, np.arange(pictures), labels] = confidence * sign
    return logits, labels


def rivals(mine, other):
    made = Comparison(
        {}, "A", splits=[{"A": row("A", *answered(*mine)), "C": row("C", *answered(*other))}]
    )
    made.isolates.update(A="", C="the whole head against one linear layer")
    return made


@pytest.mark.parametrize(
    ("mine", "other", "ending"),
    [
        ((0.5, 0.1), (0.8, 50), "A is better by NLL alone: its accuracy is worse."),
        ((0.8, 50), (0.5, 0.1), "A is worse by NLL alone: its accuracy is better."),
        (
            (0.5, 0.01),
            (0.5, 50),
            "A is better by NLL alone: the accuracy of A is not shown to be above chance.",
        ),
        (
            (0.5, 50),
            (0.5, 0.01),
            "A is worse by NLL alone: the accuracy of C is not shown to be above chance.",
        ),
        ((0.9, 2), (0.7, 1), "A is better."),
        (
            (0.7, 0.02),
            (0.5, 0.0),
            (
                "within 0.05 nats of each other, and A is detectably better, but the accuracy of A"
                " is better."
            ),
        ),
    ],
)
def test_a_verdict_that_accuracy_contradicts_says_so(mine, other, ending):
    (line,) = written(sentence.contrasts, rivals(mine, other), MARGIN)
    assert line.partition("]: ")[2] == ending


def test_rows_at_chance_are_named_with_the_share_of_the_largest_class():
    made = rivals((0.5, 1), (0.8, 1))
    accuracy = made.accuracy("A")
    assert accuracy.low < 0.5 < accuracy.high
    (line,) = written(sentence.chance, made)
    assert (
        line == "Not shown to be above chance, which is 0.500 (the largest class for every test"
        " picture): "
        f"A {accuracy.mean:.3f} [{accuracy.low:.3f}, {accuracy.high:.3f}]."
    )
    assert written(sentence.chance, rivals((0.9, 1), (0.8, 1))) == []


def test_chance_is_that_of_the_largest_class_and_not_of_as_many_guesses_as_classes():
    labels = np.array([0] * 70 + [1] * 30)
    always = np.tile([1.0, 0.0], (3, 100, 1))
    made = Comparison({}, "A", splits=[{"A": row("A", always, labels)}])
    assert made.chance("A") == 0.7 and not made.beats_chance("A")


def test_the_accuracy_difference_stands_beside_that_of_nll():
    made = rivals((0.9, 2), (0.7, 1))
    gap = statistic.proportion_difference(made.splits[0]["A"].correct - made.splits[0]["C"].correct)
    (line,) = written(sentence.contrasts, made, MARGIN)
    assert f", accuracy {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]: " in line
    frame = frames.contrasts_frame([made], MARGIN).set_index("metric")
    assert frame.loc["test_accuracy", ["difference", "low", "high", "verdict"]].tolist() == [
        gap.mean,
        gap.low,
        gap.high,
        "better",
    ]
    table = frames.table(made, MARGIN, 1024).set_index("row")
    names = ["accuracy difference", "accuracy difference low", "accuracy difference high"]
    assert table.loc["C", names].tolist() == [gap.mean, gap.low, gap.high]


def test_the_brier_score_stands_in_the_file_alone_with_its_form_and_verdict():
    made = rivals((0.9, 2), (0.7, 1))
    gap = made.score_contrasts("brier")["C"].interval
    (note,) = sentence.scores(made, MARGIN)
    assert note.short == "" and "sum over classes of (p - y)^2, from 0 to 2" in note.full
    assert note.full.endswith(f"A - C {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}], better.")
    (note,) = sentence.scores(with_failures(made, A=[7]), MARGIN)
    assert note.full.endswith(", no verdict.")
    assert sentence.scores(point(("A",)), MARGIN) == []


def test_a_row_whose_squashed_inputs_are_saturated_is_named_with_what_may_help():
    made = point(("A", "B", "twin"), seeds=2)
    for label, share, scale in (("A", 0.9, "none"), ("twin", 0.2, "none")):
        for one in made.splits[0][label].outcomes.values():
            one.figures["inputs_saturated"] = share
            vars(one).update(scale=scale, scale_asked=scale)
    (line,) = [
        line for line in written(sentence.foot, made, UNREAD) if "aturated" in line
    ]  # a fifth is not more than a fifth
    assert (
        line
        == "Saturated share of the squashed inputs (|tanh| > .99): A 0.90. There a circuit, or what"
        " stands in its place, sees little but signs, and what is before it hardly learns;"
        " recipe.scale=standard or a lower recipe.lr may help."
    )
    for one in made.splits[0]["A"].outcomes.values():
        vars(one).update(scale="standard")
    assert any(
        line.endswith("hardly learns; a lower recipe.lr may help.")
        for line in written(sentence.foot, made, UNREAD)
    )
    table = frames.table(made, MARGIN, 1024).set_index("row")
    assert table["inputs_saturated"].dropna().to_dict() == {
        "A": pytest.approx(0.9),
        "twin": pytest.approx(0.2),
    }


def test_features_that_were_standardised_unasked_are_said():
    made = point(("A", "B"), seeds=2)
    for one in made.splits[0]["A"].outcomes.values():
        vars(one).update(scale="standard", scale_asked="auto")
    for one in made.splits[0]["B"].outcomes.values():
        vars(one).update(scale="standard", scale_asked="standard")
    (line,) = [line for line in written(sentence.foot, made, UNREAD) if "standardised" in line]
    assert line.startswith("Features are standardised (recipe.scale=auto) in A: ")


FITTED = {
    name: row(name, *random_logits(seeds=2), said={"settings": settings})
    for name, settings in (("svm", 18), ("logistic", 6), ("mine", 0))
}


def test_rows_that_are_fitted_have_no_recipe_and_validation_chose_their_settings():
    rows = {"A": HELD, "C": HELD, "svm": HELD, "logistic": HELD}
    assert (
        held(HELD, rows, FITTED)
        == "Held fixed for every row: split seed 0, weights pretrain (seed 3), one untuned recipe"
        " (adam, lr 0.01, 60 epochs) in A, C, fitted to convergence, validation choosing among"
        " settings: svm (18 settings), logistic (6 settings)."
    )
    alone = held(HELD, {"mine": HELD}, FITTED)
    assert "recipe" not in alone and alone.endswith(
        ", fitted to convergence, validation choosing among settings: mine."
    )
    augmented = HELD | {"recipe": HELD["recipe"] | {"augment": True}}
    assert "one untuned recipe (adam, lr 0.01, 60 epochs) in A, fitted" in held(
        augmented, {"A": augmented, "svm": HELD}, FITTED
    )


def test_statistics_of_folded_norms_cannot_move_and_are_no_defect():
    job = HELD | {"freeze": HELD["freeze"] | {"batch_norm": "train"}}
    still, moving = (
        row("A", *random_logits(seeds=2), said={"norms_move": moves}) for moves in (False, True)
    )
    assert "defect" not in held(job, {"A": job}, {"A": still})
    assert held(job, {"A": job}, {"A": moving}).endswith(
        " Published defects kept: freeze.batch_norm=train."
    )


@pytest.mark.parametrize(
    "schedule, kept", [("step", True), ("cosine", True), ("plateau", False), ("none", False)]
)
def test_a_schedule_without_steps_does_not_step_early(schedule, kept):
    job = HELD | {"recipe": HELD["recipe"] | {"schedule_step": "start", "schedule": schedule}}
    assert ("Published defects kept: recipe.schedule_step=start" in held(job, {"A": job})) == kept
    assert "defect" not in held(job, {"svm": job}, FITTED)


def test_what_one_row_alone_has_is_not_held_fixed_for_every_row():
    data = HELD | {"dataset": HELD["dataset"] | {"seed": 7}}
    other = data | {"dataset": data["dataset"] | {"validation": 0.3}}
    said = held(data, {"A": data, "C": other})
    assert "dataset seed 7 in the composed row, split seed 0 in the composed row, " in said


def test_the_foot_counts_the_seeds_that_were_trained_and_not_those_that_ended():
    made = with_failures(point(("A", "B"), seeds=3), A=[3, 4])
    assert written(sentence.foot, made, UNREAD)[0].startswith(
        "5 seeds on the same 40 test pictures;"
    )
    for seed in (1, 2):
        made.splits[0]["B"].errors[seed] = "the loss is not finite"
        del made.splits[0]["B"].outcomes[seed]
    assert "One seed was finished of B: intervals over pictures alone." in written(
        sentence.foot, made, UNREAD
    )


def test_a_relative_margin_is_a_share_of_the_nll_of_each_reference():
    made = point(("A", "B", "C"))
    margin = statistic.Margin.of("5%")
    nats = {label: 0.05 * made.splits[0][label].nll.mean() for label in ("B", "C")}
    assert made.margins(margin) == pytest.approx(nats, rel=1e-12)  # a few roundings
    verdicts = made.contrasts(margin)
    assert {label: verdict.margin for label, verdict in verdicts.items()} == made.margins(margin)
    frame = frames.contrasts_frame([made], margin).set_index(["metric", "reference"])["margin"]
    assert frame["test_nll"].to_dict() == made.margins(margin)
    assert frame["test_accuracy"].isna().all() and frame["test_brier"].isna().all()


@pytest.mark.parametrize(
    ("mean", "ending"),
    [
        (0.001, "equivalent within the margin of 0.05 nats (5 % of B's NLL)."),
        (0.03, "within 0.05 nats (5 % of B's NLL) of each other, and A is detectably worse."),
        (-0.03, "within 0.05 nats (5 % of B's NLL) of each other, and A is detectably better."),
    ],
)
def test_a_relative_margin_is_said_with_its_nats(mean, ending):
    made = pair(differences(mean, picture=0.1))  # the reference has one nat
    (line,) = written(sentence.contrasts, made, statistic.Margin.of("5%"))
    assert line.endswith(f": {ending}") and "equal " not in line


def test_the_legend_states_the_rule_of_equivalence_and_that_it_is_not_equality():
    for values, seen in ((differences(0.001, picture=0.1), True), (differences(0.3), False)):
        made = pair(values)
        rule = sentence.legend(made, statistic.Margin.of("5%"))[1]
        assert rule.full.startswith(
            "Equivalent: the 90 % interval of the difference in NLL lies inside +-5 % of"
            " the reference's NLL"
        )
        assert "does not mean equal" in rule.full and ("not mean equal" in rule.short) == seen
    assert len(sentence.legend(point(("A",)), 0.05)) == 1


def several(*means, noise=0.05, seeds=5):
    """A point of A beside a reference for each mean of A - row, nats."""
    generator = np.random.default_rng(8)
    made = pair(generator.normal(0, 0.01, (seeds, 100)), base=3.0)
    nll = made.splits[0]["A"].nll
    del made.splits[0]["B"]
    for number, mean in enumerate(means):
        training = np.linspace(-noise, noise, seeds)[:, None]
        other = nll - mean - training + generator.normal(0, 0.01, nll.shape)
        logits = np.stack([-other, np.log1p(-np.exp(-other))], -1)
        made.splits[0][f"R{number}"] = row(f"R{number}", logits, np.zeros(100, int))
        made.isolates[f"R{number}"] = f"what R{number} shows"
    return made


def test_verdicts_that_holm_takes_away_are_named_beside_those_that_remain():
    made = several(0.5, -0.06, 0.0)  # an error of .018 each: about 28, 3.4 and 0 of them
    verdicts = made.contrasts(0.001)
    assert [verdict.word for verdict in verdicts.values()] == ["worse", "better", "undecided"]
    p = list(made.p_values(verdicts).values())
    assert p[0] < 0.05 / 3 and 0.05 / 2 < p[1] < 0.05
    (line,) = written(sentence.corrected, [made], 0.001)
    assert line == "With Holm's correction over 3 contrasts A - R0 remains worse; A - R1 does not."
    frame = frames.contrasts_frame([made], 0.001).query("metric == 'test_nll'")
    assert frame["p"].tolist() == p and frame["verdict"].tolist() == [
        "worse",
        "better",
        "undecided",
    ]
    np.testing.assert_allclose(frame["p_holm"], [3 * p[0], 2 * p[1], p[2]], rtol=1e-12)


def test_verdicts_that_remain_stand_together_by_their_word():
    made = several(0.5, 0.6, -0.06, -0.6, 0.0)
    (line,) = written(sentence.corrected, [made], 0.001)
    assert line.endswith(
        " 5 contrasts A - R3 remains better, A - R0, A - R1 remain worse; A - R2 does not."
    )


def test_a_long_list_of_verdicts_is_counted():
    made = several(*[-0.06] * 9, 0.5)
    (line,) = written(sentence.corrected, [made], 0.001)
    listed = ", ".join(f"A - R{number}" for number in range(8))
    assert line.endswith(f" 10 contrasts 1 of 10 verdicts remain; {listed} and 1 more do not.")


def test_no_line_stands_where_holm_takes_nothing_away():
    assert sentence.corrected([several(0.5, 0.0)], 0.001) == []
    assert sentence.corrected([several(0.0, 0.001)], 0.001) == []
    assert sentence.corrected([point(("A",))], 0.001) == []


def test_holm_is_over_all_points_of_a_sweep():
    points = [several(-0.06), several(-0.06)]
    for number, made in enumerate(points):
        made.keys = {"circuit.qubits": number}
    assert sentence.corrected(points[:1], 0.001) == []
    (line,) = written(sentence.corrected, points, 0.001)
    assert line == (
        "With Holm's correction over 2 contrasts the verdicts on A - R0 at circuit.qubits=0,"
        " A - R0 at circuit.qubits=1 do not remain."
    )
    frame = frames.contrasts_frame(points, 0.001).query("metric == 'test_nll'")
    np.testing.assert_allclose(frame["p_holm"], 2 * frame["p"], rtol=1e-12)


def test_a_contrast_that_lost_trainings_has_no_p_value_and_is_no_test_of_the_family():
    made = with_failures(several(-0.06, 0.5), R1=[9])
    frame = frames.contrasts_frame([made], 0.001).query("metric == 'test_nll'")
    assert frame["p"].isna().tolist() == frame["p_holm"].isna().tolist() == [False, True]
    assert frame["p"].iloc[0] == frame["p_holm"].iloc[0]


def heated(made, **temperatures):
    """The point, in which a temperature was fitted for every training of each row."""
    for name, each in made.splits[0].items():
        for outcome in each.outcomes.values():
            outcome.figures["temperature"] = temperatures.get(name, 1.0)
            outcome.figures["validation_separable"] = 0.0
    return made


def test_nll_after_temperature_scaling_is_paired_and_said_with_its_verdict():
    made = heated(rivals((0.8, 50), (0.5, 0.1)), A=50.0)  # A is far too sure of its answers
    one, other = made.splits[0]["A"], made.splits[0]["C"]
    gap = statistic.crossed(statistic.nll(one.logits / 50, one.labels) - other.nll)
    frame = frames.contrasts_frame([made], MARGIN).set_index("metric")
    line = frame.loc["test_nll_scaled"]
    assert line[["difference", "low", "high"]].tolist() == [gap.mean, gap.low, gap.high]
    assert (frame.loc["test_nll", "verdict"], line["verdict"]) == ("worse", "better")
    note = sentence.scores(made, MARGIN)[1]
    assert note.full.endswith(
        f"(Guo et al. 2017): A - C {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}], better."
    )
    assert note.short == "After temperature scaling on validation: A - C better."
    table = frames.table(made, MARGIN, 1024).set_index("row")
    assert table["scaled NLL"].tolist() == [one.nll_scaled.mean(), other.nll_scaled.mean()]


def test_a_verdict_that_scaling_leaves_is_not_repeated_on_the_terminal():
    made = heated(rivals((0.9, 2), (0.7, 1)))
    note = sentence.scores(made, MARGIN)[1]
    assert note.short == "" and note.full.endswith(", better.")


def test_trainings_whose_validation_is_all_right_are_counted():
    made = heated(rivals((0.9, 2), (0.7, 1)))
    made.splits[0]["A"].outcomes[0].figures["validation_separable"] = 1.0
    assert " In 1 of 8 trainings every validation picture is right," in (
        sentence.scores(made, MARGIN)[1].full
    )


def test_rows_of_which_one_has_no_temperature_have_no_scaled_contrast():
    made = heated(rivals((0.9, 2), (0.7, 1)))
    del made.splits[0]["C"].outcomes[2].figures["temperature"]
    assert made.score_contrasts("nll_scaled") == {}
    assert "test_nll_scaled" not in set(frames.contrasts_frame([made], MARGIN)["metric"])
    assert len(sentence.scores(made, MARGIN)) == 1
