import io
import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from PIL import Image
from rows import generated, point, resplit, row

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.tuning import Tuning
from qtlrun.report import figure
from qtlrun.report import frame as frames
from qtlrun.report.figure import style

NAMES = (
    "A",
    "B",
    "C",
    "D",
    "twin",
    "frozen_circuit",
    "random_circuit",
    "unentangled",
    "untrained",
    "scratch",
    "zeroed",
    "mine",
)
ODD = ("$a$", "a$\\bad{$", "two\nlines", "a name that is longer than any axis has room for")


def drawn(made):
    """Draw a figure: nothing of it lies outside the picture, which is not blank."""
    made.set_dpi(150)  # at which it is encoded: widths of words depend on it
    image = np.asarray(Image.open(io.BytesIO(figure.encode(made)["png"])).convert("L"))
    box, (width, height) = made.get_tightbbox(), made.get_size_inches()
    assert box.x0 > -0.01 and box.y0 > -0.01 and box.x1 < width + 0.01 and box.y1 < height + 0.01
    assert image.min() < 100 and image.max() == 255


@pytest.mark.parametrize("limits", [(0.2, 0.9), (0.11, 9.9), (0.3, 0.45), (7, 40), (1e-6, 1)])
def test_a_logarithmic_axis_has_two_labels_or_more_and_powers_of_ten_where_there_are(limits):
    made, (axis,) = style.panels(1, 2, 2)
    axis.set(yscale="log", ylim=limits)
    style.label_powers(axis.yaxis)
    made.draw_without_rendering()  # labels have their texts from then on
    values = [float(text) for text in ticks(axis.yaxis)]
    assert len(values) >= 2 and limits[0] <= values[0] < values[-1] <= limits[1]
    if limits[1] / limits[0] > 100:
        assert np.allclose(np.log10(values) % 1, 0)


def words(made):
    return [text.get_text() for text in made.findobj(Text) if text.get_visible()]


def ticks(axis):
    """The words at the ticks of an axis, none of which covers another."""
    low, high = sorted(axis.get_view_interval())
    texts = [
        tick.label1
        for tick in axis.get_major_ticks()
        if low <= tick.get_loc() <= high and tick.label1.get_text()
    ]
    boxes = [text.get_window_extent() for text in texts]
    if all(text.get_rotation() == 0 for text in texts):
        assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))
    return [text.get_text() for text in texts]


def swept(keys, names=("A", "B", "twin"), failed=()):
    """The table of a sweep over these points, and its keys; NLL rises from point to point."""
    points = []
    for number, key in enumerate(keys):
        made = point(names, keys=key, seeds=2, validation=0.5 + 0.1 * number)
        if number in failed:
            made.splits[0].pop(names[0])
            made.errors[names[0], 0] = "MemoryError: 128 GiB"
        points.append(made)
    return frames.sweep_table(points), list(keys[0])


def grid(**keys):
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*keys.values())]


@pytest.mark.parametrize(
    ("names", "epochs"), [(NAMES[:1], 60), (NAMES, 30), (NAMES[:3], 1), (NAMES[:3], 2)]
)
def test_learning_curves_show_every_row(names, epochs):
    made = figure.learning_curves(point(names, epochs=epochs))
    drawn(made)
    for axis, title in zip(made.axes, ("training loss", "validation NLL"), strict=True):
        assert (
            axis.get_title() == title
            and axis.get_xlabel() == "epoch"
            and len(axis.lines) == len(names)
        )
        looks = {(line.get_color(), line.get_linestyle()) for line in axis.lines}
        assert len(looks) == len(names)
        assert all(tick == round(tick) for tick in axis.get_xticks())
    assert [text.get_text() for text in made.axes[1].get_legend().get_texts()] == list(names)


def test_a_learning_curve_is_the_mean_over_seeds_and_its_band_their_range():
    made = point(("A",), seeds=3)
    for seed, one in made.splits[0]["A"].outcomes.items():
        for curve in one.curves:
            curve["nll"] = 1.0 + seed**2 / curve["epoch"]
    axis = figure.learning_curves(made).axes[1]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), 1 + 5 / 3 / np.arange(1, 4))
    band = axis.collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == 5 and band[:, 1].min() == 1


def test_one_epoch_is_a_point_that_can_be_seen():
    made = figure.learning_curves(point(("A",), epochs=1))
    drawn(made)
    assert made.axes[0].lines[0].get_marker() == "o" and ticks(made.axes[0].xaxis) == ["1"]


def test_rows_without_a_finished_seed_are_left_out():
    made = point(("A", "B", "twin"))
    made.splits[0]["B"].outcomes.clear()
    del made.splits[0]["A"].outcomes[0]
    curves, matrices = figure.learning_curves(made), figure.confusion(made)
    drawn(curves), drawn(matrices)
    assert [text.get_text() for text in curves.axes[1].get_legend().get_texts()] == ["A", "twin"]
    assert [axis.get_title() for axis in matrices.axes if axis.get_title()] == ["A", "twin"]


def test_a_point_of_failures_alone_is_drawn_empty():
    made = point(("A",))
    made.splits[0]["A"].outcomes.clear()
    for one in (made, Comparison({}, "A")):
        drawn(figure.learning_curves(one))
        figure.encode(figure.confusion(one))


@pytest.mark.parametrize(
    ("names", "classes"),
    [(NAMES[:1], 2), (NAMES[:5], 4), (NAMES[:2], 12), (NAMES, 3), (NAMES[:2], 100)],
)
def test_every_row_has_its_confusion_matrix(names, classes):
    made = figure.confusion(point(names, classes=classes, pictures=150, seeds=2))
    drawn(made)
    panels = made.axes[: len(names)]
    assert [axis.get_title() for axis in panels] == list(names)
    for axis in panels:
        assert len(ticks(axis.xaxis)) == len(ticks(axis.yaxis)) == (classes if classes <= 12 else 0)
        assert len(axis.texts) == (classes**2 if classes <= 12 else 0)
    boxes = [axis.get_position() for axis in panels]
    assert not any(
        one.overlaps(other) for number, one in enumerate(boxes) for other in boxes[:number]
    )


def test_a_confusion_matrix_counts_pictures_and_its_colour_is_the_share_of_the_class():
    # two seeds, three pictures of class 0 and one of class 1, none of class 2
    answers = np.array([[0, 0, 1, 1], [0, 2, 1, 1]])
    made = figure.confusion(
        Comparison({}, "A", [{"A": row("A", np.eye(3)[answers], [0, 0, 0, 1])}])
    )
    axis = made.axes[0]
    assert [text.get_text() for text in axis.texts] == [
        "1.5",
        "1",
        "0.5",
        "0",
        "1",
        "0",
        "0",
        "0",
        "0",
    ]
    np.testing.assert_allclose(
        axis.images[0].get_array(), [[0.5, 1 / 3, 1 / 6], [0, 1, 0], [0, 0, 0]]
    )


def test_odd_names_are_drawn_as_they_are():
    made = point(("A", "B_$x$"), classes=4)
    for one in made.splits[0].values():
        one.classes = ODD
    matrices = figure.confusion(made)
    drawn(matrices), drawn(figure.learning_curves(made))
    assert {"$a$", "a$\\bad{$", "two lines", "a name that is long…", "B_$x$"} <= set(
        words(matrices)
    )


def tuned(made, label, *splits):
    """Give a row, in each of its splits, these mean figures of its draws."""
    for rows, means in zip(made.splits, splits, strict=True):
        rows[label].tuning = Tuning({number: [mean] for number, mean in enumerate(means)}, 1.0)
        rows[label].draws = [{"recipe.lr": 0.01 * (1 + number)} for number in range(len(means))]
    return made


def test_tuning_draws_a_line_a_tuned_row_that_falls_to_the_best_so_far():
    made = tuned(
        tuned(point(("A", "B", "twin")), "A", [0.5, 0.7, 0.3, 0.4]), "twin", [0.9, 0.8, 0.85, 0.2]
    )
    shown = figure.tuning(made)
    drawn(shown)
    (axis,) = shown.axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["A", "twin"] and len(
        axis.lines
    ) == 2
    for line, best in zip(axis.lines, ([0.5, 0.5, 0.3, 0.3], [0.9, 0.8, 0.8, 0.2]), strict=True):
        np.testing.assert_allclose(line.get_ydata(), best)
        assert list(line.get_xdata()) == [1, 2, 3, 4] and line.get_drawstyle() == "steps-post"
    colours = {line.get_label(): line.get_color() for line in axis.lines}
    curves = {
        line.get_label(): line.get_color() for line in figure.learning_curves(made).axes[0].lines
    }
    assert colours == {
        label: curves[label] for label in ("A", "twin")
    }  # a row looks alike in every figure


def test_of_several_splits_tuning_draws_their_mean():
    made = tuned(resplit(("A", "B"), splits=2), "A", [0.5, 0.3, 0.4], [0.9, 1.0, 0.1])
    (line,) = figure.tuning(made).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), [0.7, 0.6, 0.2])


@pytest.mark.parametrize("means", [[None, 0.5, None, 0.3], [0.5, None]])
def test_draws_that_diverged_leave_the_line_as_it_was(means):
    shown = figure.tuning(tuned(point(("A",)), "A", means))
    drawn(shown)
    best = np.minimum.accumulate([np.inf if mean is None else mean for mean in means])
    np.testing.assert_array_equal(shown.axes[0].lines[0].get_ydata(), best)


def test_accuracy_by_shots_has_a_line_per_generated_row_with_its_range_and_the_exact_figure():
    made = generated(
        generated(point(("A", "B", "twin"), seeds=3), "A", {10**3: 0.25, 10**6: 0.9}),
        "twin",
        {10**3: 0.5, 10**6: 0.6},
    )
    shown = figure.shots(made)
    drawn(shown)
    (axis,) = shown.axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["A", "twin"]
    assert axis.get_xscale() == "log" and ticks(axis.xaxis) == ["10³", "10⁴", "10⁵", "10⁶"]
    curves = {
        line.get_label(): line.get_color() for line in figure.learning_curves(made).axes[0].lines
    }
    for label, line, exact, band, first in zip(
        ("A", "twin"), axis.lines[::2], axis.lines[1::2], axis.collections, (0.25, 0.5), strict=True
    ):
        np.testing.assert_allclose(line.get_xdata(), [10**3, 10**6])
        np.testing.assert_allclose(
            line.get_ydata()[0], first + 0.01
        )  # of three seeds, a hundredth apart
        np.testing.assert_allclose(
            exact.get_ydata(), [made.metrics(label)["test_accuracy"].mean()] * 2
        )
        assert line.get_color() == exact.get_color() == curves[label]
        ends = [y for x, y in band.get_paths()[0].vertices if x == 10**3]
        assert (min(ends), max(ends)) == pytest.approx((first, first + 0.02))


def test_accuracy_by_shots_is_over_all_splits():
    made = generated(resplit(("A",), splits=2, seeds=1), "A", {10**3: 0.25, 10**6: 0.9})
    made.splits[1]["A"].outcomes[1].arrays["shots_accuracy"] = np.array([0.75, 0.8])
    np.testing.assert_allclose(figure.shots(made).axes[0].lines[0].get_ydata(), [0.5, 0.85])


def test_one_draw_is_a_point_that_can_be_seen():
    shown = figure.tuning(tuned(point(("A",)), "A", [0.5]))
    drawn(shown)
    assert shown.axes[0].lines[0].get_marker() == "o"


def test_a_confusion_matrix_and_a_learning_curve_of_splits_are_over_all_of_them():
    made = resplit(("A",), splits=2, seeds=1, pictures=20)
    counts = [np.zeros((4, 4)), np.zeros((4, 4))]
    for rows, count in zip(made.splits, counts, strict=True):
        np.add.at(count, (rows["A"].labels, rows["A"].logits[0].argmax(-1)), 1)
    said = [text.get_text() for text in figure.confusion(made).axes[0].texts]
    assert said == [f"{count:.1f}".removesuffix(".0") for count in np.mean(counts, 0).flat]
    for curve in made.splits[1]["A"].outcomes[1].curves:
        curve["nll"] += 2.0
    line = figure.learning_curves(made).axes[1].lines[0]
    kept = [one["nll"] for one in made.splits[0]["A"].outcomes[0].curves]
    np.testing.assert_allclose(line.get_ydata(), np.add(kept, 1.0))


def test_names_in_a_script_that_the_font_lacks_raise_no_warning():
    made = point(("A",), classes=2)
    made.splits[0]["A"].classes = ("蟻", "蜂")
    assert figure.encode(figure.confusion(made))["png"]


def test_a_sweep_of_one_key_is_a_line_with_the_chosen_point_ringed():
    made = figure.sweep(*swept([{"circuit.qubits": qubits} for qubits in (2, 4, 6)]))
    drawn(made)
    above, below = made.axes
    np.testing.assert_allclose(above.lines[0].get_ydata(), [0.5, 0.6, 0.7])
    assert list(above.lines[1].get_xdata()) == [0] and above.lines[0].get_linewidth() > 0
    assert [text.get_text() for text in below.get_legend().get_texts()] == ["minus B", "minus twin"]
    assert ticks(below.xaxis) == ["2", "4", "6"] and below.get_xlabel() == "circuit.qubits"


def test_a_sweep_of_two_keys_is_a_heat_map_with_the_chosen_point_framed():
    frame, keys = swept(grid(**{"circuit.qubits": [2, 4, 6, 8], "circuit.depth": [1, 2, 4]}))
    made = figure.sweep(frame, keys)
    drawn(made)
    panels = made.axes[:3]
    assert [axis.get_title() for axis in panels] == [
        "validation NLL",
        "composed minus B",
        "composed minus twin",
    ]
    for axis in panels:
        assert (axis.get_ylabel(), axis.get_xlabel()) == ("circuit.qubits", "circuit.depth")
        assert ticks(axis.yaxis) == ["2", "4", "6", "8"] and ticks(axis.xaxis) == ["1", "2", "4"]
        (frame_of_chosen,) = axis.patches
        assert frame_of_chosen.get_xy() == (-0.5, -0.5)
    shown = panels[0].images[0].get_array()
    for line in frame.to_dict("records"):
        y, x = [2, 4, 6, 8].index(line["circuit.qubits"]), [1, 2, 4].index(line["circuit.depth"])
        assert shown[y, x] == line["validation NLL"]
    assert (
        panels[1].images[0].get_clim() == panels[2].images[0].get_clim()
    )  # panels that are compared
    colours = [axis.images[0].get_cmap().name for axis in panels]
    assert colours == ["viridis_r", "RdBu_r", "RdBu_r"]  # differences have a middle: white is 0


def test_a_sweep_of_three_keys_is_a_point_each_and_no_line():
    keys = grid(
        **{"circuit.qubits": [2, 4, 6], "circuit.depth": [1, 2], "recipe.lr": [0.001, 0.00125]}
    )
    made = figure.sweep(*swept(keys))
    drawn(made)
    assert len(made.axes) == 2 and made.axes[0].lines[0].get_linewidth() == 0
    assert len(ticks(made.axes[1].xaxis)) == 12 and ticks(made.axes[1].xaxis)[7] == "4, 2, 0.00125"


@pytest.mark.parametrize("failed", [(0,), (0, 3), range(6)])
@pytest.mark.parametrize(
    "keys", [grid(a=[1, 2, 3], b=[1, 2]), [{"a": number} for number in range(6)]]
)
def test_a_sweep_with_points_that_failed_is_drawn(keys, failed):
    frame, names = swept(keys, failed=failed)
    made = figure.sweep(frame, names)
    drawn(made)
    if len(names) == 2:
        assert words(made).count("failed") == len(failed)


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (grid(a=[1, 2], b=[1, 2]), NAMES[:7]),
        (grid(a=[1, 2], b=[1, 2]), NAMES[:1]),
        ([{"a": number} for number in range(3)], NAMES),
        ([{"a": number} for number in range(3)], NAMES[:1]),
        ([{"recipe.lr": 10 ** -(number / 5)} for number in range(20)], NAMES[:2]),
        ([{"compare": f"[B,C,{'long_' * 8}{number}]"} for number in range(3)], NAMES[:2]),
        (
            [
                {"layer": layer, "depth": depth}
                for layer in ("null", 1, "layer3")
                for depth in (1, 2)
            ],
            NAMES[:2],
        ),
        ([{}, {}], NAMES[:2]),
    ],
)
def test_sweeps_of_any_shape_are_drawn(keys, names):
    drawn(figure.sweep(*swept(keys, names)))


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_figure_has_the_same_bytes(kind):
    made, frame = point(("A",), classes=2), swept([{"a": 1}, {"a": 2}], ("A", "B"))
    for make in (
        lambda: figure.learning_curves(made),
        lambda: figure.confusion(made),
        lambda: figure.sweep(*frame),
    ):
        first, second = (figure.encode(make())[kind] for _ in range(2))
        assert first == second and len(first) > 5000


def test_another_figure_has_other_bytes():
    first, second = (
        figure.encode(figure.confusion(point(("A",), skills={"A": skill}))) for skill in (0, 5)
    )
    assert first != second and b"<dc:date>" not in first


def test_drawing_leaves_the_settings_and_the_open_figures_of_others_alone():
    before = dict(matplotlib.rcParams)
    figure.encode(figure.learning_curves(point()))
    assert dict(matplotlib.rcParams) == before


def projected(names, pictures=(300, 600), seeds=(3, 5, 10)):
    """Half-widths predicted, that of the pilot first."""
    lines = [
        {
            "reference": name,
            "splits": 1,
            "seeds": seed,
            "pictures": count,
            "half_width": 3.0 / seed / count,
            "margin": 0.05,
            "pilot": (seed, count) == (3, 300),
        }
        for name in names
        for seed in seeds
        for count in pictures
    ]
    return pd.DataFrame(lines)


@pytest.mark.parametrize("names", [("twin",), NAMES[:6]])
def test_power_has_a_panel_a_reference_a_line_a_number_of_pictures_and_the_pilot_ringed(names):
    made = figure.power(projected(names))
    drawn(made)
    assert [axis.get_title() for axis in made.axes] == [f"composed - {name}" for name in names]
    for axis in made.axes:
        lines = [line for line in axis.lines if line.get_label().endswith(" pictures")]
        assert [line.get_label() for line in lines] == ["300 pictures", "600 pictures"]
        np.testing.assert_allclose(lines[0].get_ydata(), [1 / 300, 1 / 500, 1 / 1000])
        rings = [
            (list(line.get_xdata()), list(line.get_ydata()))
            for line in axis.lines
            if line.get_markersize() == 9
        ]
        assert [ring for ring in rings if ring[0]] == [([3], [1 / 300])]
        assert [0.05, 0.05] in [list(line.get_ydata()) for line in axis.lines]
        assert ticks(axis.xaxis) == ["3", "5", "10"]


def rates(contrasts=("A - C", "A - twin"), effects=(1.0, 2.0, 8.0)):
    lines = [
        {
            "check": f"planted {kind}",
            "effect": effect,
            "contrast": contrast,
            "verdict": word,
            "rate": rate,
            "low": rate / 2,
            "high": (1 + rate) / 2,
        }
        for kind, right in (("circuit", "better"), ("linear", "worse"))
        for effect in effects
        for contrast in contrasts
        for word in ("better", "worse", "equivalent", "undecided")
        for rate in [effect / 10 if word == right else 0.9]
    ]
    return pd.DataFrame(
        [
            {
                "check": "equal models",
                "effect": 0.0,
                "contrast": "A - A",
                "verdict": "better or worse",
                "rate": 0.04,
            },
            *lines,
        ]
    )


def test_detection_has_a_panel_a_kind_and_a_line_a_reference_of_what_is_right():
    made = figure.detection(rates())
    drawn(made)
    assert [axis.get_title() for axis in made.axes] == [
        "planted circuit: A better",
        "planted linear: A worse",
    ]
    for axis in made.axes:
        assert len(axis.containers) == 2 and ticks(axis.xaxis) == ["1", "2", "8"]
        for container in axis.containers:
            assert list(container.lines[0].get_ydata()) == pytest.approx([0.1, 0.2, 0.8])
    assert [text.get_text() for text in made.axes[1].get_legend().get_texts()] == [
        "A - C",
        "A - twin",
    ]


def test_sizes_have_a_line_a_row_in_both_panels_with_its_band():
    lines = [
        {
            "train_size": size,
            "row": name,
            "NLL": 1 / size,
            "NLL low": 0.5 / size,
            "NLL high": 2 / size,
            "accuracy": 0.5,
            "accuracy low": 0.4,
            "accuracy high": 0.6,
        }
        for size in (10, 20, 40)
        for name in ("A", "twin", "logistic")
    ]
    made = figure.sizes(pd.DataFrame(lines))
    drawn(made)
    assert [axis.get_title() for axis in made.axes] == ["test NLL", "test accuracy"]
    for axis in made.axes:
        assert [line.get_label() for line in axis.lines] == ["A", "twin", "logistic"] and len(
            axis.collections
        ) == 3
        assert ticks(axis.xaxis) == ["10", "20", "40"]
    np.testing.assert_allclose(made.axes[0].lines[1].get_ydata(), [0.1, 0.05, 0.025])


def protocols(**choices):
    frame = pd.DataFrame(
        list(itertools.product(*choices.values())),
        columns=[name.replace("__", ".") for name in choices],
    )
    gap = np.linspace(-0.3, 0.5, len(frame))[::-1]
    return frame.assign(difference=gap, low=gap - 0.1, high=gap + 0.1)


@pytest.mark.parametrize(
    "choices",
    [
        {
            "recipe__lr": [0.001, 0.01],
            "recipe__scale": ["none", "standard"],
            "head__spread": [0.01, 1.0],
        },
        {"recipe__lr": [0.01]},
        {"dataset__train_size": ["null", 20], "dataset__fold": ["[0, 3]", "[1, 3]"]},
    ],
)
def test_a_specification_curve_orders_the_protocols_above_the_choices_that_made_them(choices):
    frame = protocols(**choices)
    keys = [column for column in frame if "." in column]
    made = figure.specification_curve(frame, "A", "twin", keys)
    drawn(made)
    above, below = made.axes
    offsets = above.collections[1].get_offsets()
    np.testing.assert_allclose(offsets[:, 1], sorted(frame["difference"]))
    levels = sum(len(values) for values in choices.values())
    assert (
        len(below.collections) == len(below.get_yticks()) == levels
        and f"under {len(frame)} protocols" in above.get_title()
    )
    marks = [mark.get_offsets() for mark in below.collections]
    assert sum(map(len, marks)) == len(frame) * len(keys)  # each protocol has one mark a choice
    ordered = frame.sort_values("difference", ignore_index=True)
    for mark, text in zip(
        marks, [text.get_text() for text in below.get_yticklabels()], strict=True
    ):
        key, _, value = text.partition("=")
        assert list(mark[:, 0]) == [
            place
            for place, one in enumerate(ordered[key])
            if (f"{one:.4g}" if isinstance(one, float) else str(one)) == value
        ]


def test_protocols_that_failed_are_left_out_of_a_specification_curve():
    frame = protocols(recipe__lr=[0.001, 0.01, 0.1])
    frame.loc[1, ["difference", "low", "high"]] = np.nan
    made = figure.specification_curve(frame, "A", "twin", ["recipe.lr"])
    drawn(made)
    assert (
        len(made.axes[0].collections[1].get_offsets()) == 2
        and "under 2 protocols" in made.axes[0].get_title()
    )


@pytest.mark.parametrize("names", [NAMES[:1], NAMES[:3], NAMES, ODD])
def test_accuracy_has_a_line_a_row_with_its_trainings_its_mean_and_its_interval(names):
    made = point(names, seeds=4)
    shown = figure.accuracy(made)
    drawn(shown)
    (axis,) = shown.axes
    assert (
        ticks(axis.yaxis) == [figure.style.shorten(name) for name in names]
        and axis.yaxis_inverted()
    )  # the composed one above
    assert axis.get_xlabel() == "test accuracy" and len(axis.containers) == len(names)
    marks = [line for line in axis.lines if line.get_marker() == "|" and line.get_color() == "grey"]
    for place, (name, line, bar) in enumerate(zip(names, marks, axis.containers, strict=True)):
        accuracy = made.splits[0][name].metrics["test_accuracy"]
        np.testing.assert_array_equal(line.get_xdata(), accuracy)
        assert set(line.get_ydata()) == {place}
        (mean,), ((start, end),) = bar.lines[0].get_xdata(), bar.lines[2][0].get_segments()
        interval = statistic.two_way(
            statistic.correct(made.splits[0][name].logits, made.splits[0][name].labels)
        )
        assert mean == pytest.approx(accuracy.mean(), rel=1e-12)
        np.testing.assert_allclose([start[0], end[0]], [interval.low, interval.high], rtol=1e-12)


def test_accuracy_of_one_seed_of_right_answers_alone_is_drawn_and_no_interval_leaves_what_can_be():
    made, labels = Comparison({}, "A", splits=[{}]), np.array([0, 1] * 5)
    for name, right in (("A", 10), ("B", 9), ("C", 0)):
        guess = np.where(np.arange(10) < right, labels, 1 - labels)
        made.splits[0][name] = row(name, np.eye(2)[guess][None], labels)
    shown = figure.accuracy(made)
    drawn(shown)
    ends = np.array([bar.lines[2][0].get_segments()[0][:, 0] for bar in shown.axes[0].containers])
    np.testing.assert_allclose(
        ends, [statistic.binomial(right, 10) for right in (10, 9, 0)], rtol=1e-9
    )  # roundings


def test_accuracy_of_several_splits_shows_every_training():
    made = resplit(splits=3, seeds=2)
    shown = figure.accuracy(made)
    drawn(shown)
    assert [
        len(line.get_xdata()) for line in shown.axes[0].lines if line.get_color() == "grey"
    ] == [6, 6]
    interval = made.estimate("A", lambda row: statistic.correct(row.logits, row.labels))
    assert shown.axes[0].containers[0].lines[0].get_xdata()[0] == pytest.approx(
        interval.mean, rel=1e-12
    )


@pytest.mark.parametrize("ceiling", [0.884, 1.0, 0.5])
def test_a_ceiling_is_a_line_with_its_figure(ceiling):
    shown = figure.accuracy(point(NAMES[:3], said={"ceiling": ceiling}))
    drawn(shown)
    dashed = [line for line in shown.axes[0].lines if line.get_linestyle() == "--"]
    assert [list(line.get_xdata()) for line in dashed] == [
        [ceiling, ceiling]
    ] and f"ceiling {ceiling:.3f}" in words(shown)
    assert not any(word.startswith("ceiling") for word in words(figure.accuracy(point(NAMES[:3]))))


def test_accuracy_leaves_out_a_row_without_a_finished_seed():
    made = point(NAMES[:3])
    made.splits[0]["B"].outcomes.clear()
    shown = figure.accuracy(made)
    drawn(shown)
    assert ticks(shown.axes[0].yaxis) == ["A", "C"]


def test_accuracy_of_failures_alone_is_drawn_empty():
    made = point(("A",))
    made.splits[0]["A"].outcomes.clear()
    for one in (made, Comparison({}, "A")):
        figure.encode(figure.accuracy(one))


@pytest.mark.parametrize(("classes", "side"), [(1, 4), (7, 4), (2, 2)])
def test_patterns_have_a_panel_a_class_in_one_scale(classes, side):
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(side**2), classes).reshape(classes, side, side)
    names = tuple("LOTISJZ"[:classes])
    made = row(
        "A", np.zeros((1, 3, classes)), [0, 0, 0], classes=names, said={"patterns": probabilities}
    )
    shown = figure.patterns(made)
    drawn(shown)
    assert [axis.get_title() for axis in shown.axes] == list(names)
    for axis, probability in zip(shown.axes, probabilities, strict=True):
        (image,) = axis.images
        np.testing.assert_array_equal(image.get_array(), probability)
        assert image.get_clim() == (0, max(0.3, probabilities.max()))
        assert ticks(axis.xaxis) == ticks(axis.yaxis) == [str(number) for number in range(side)]
    first = shown.axes[0]
    assert (first.get_xlabel(), first.get_ylabel()) == ("photons, mode 1", "photons, mode 0")


def differences(series=("spirals, turns",), names=("twin", "mlp"), values=(0.5, 1.0, 2.0)):
    lines = [
        {
            "series": one,
            "key": f"dataset.{one.split()[-1]}",
            "value": value,
            "reference": name,
            "metric": metric,
        }
        | {
            "difference": sign * value + number,
            "low": sign * value + number - 0.1,
            "high": sign * value + number + 0.2,
        }
        for one in series
        for number, name in enumerate(names)
        for metric, sign in (("NLL", -1), ("accuracy", 1))
        for value in values
    ]
    return pd.DataFrame(lines)


@pytest.mark.parametrize("names", [("twin",), NAMES[1:]])
@pytest.mark.parametrize(
    "series", [("spirals, turns",), ("spirals, turns", "square, noise", "moons, noise")]
)
def test_a_trend_has_a_column_a_series_a_row_a_metric_and_a_line_a_reference(series, names):
    made = figure.trend(differences(series, names))
    drawn(made)
    titles = [f"{one}: {metric}" for metric in ("NLL", "accuracy") for one in series]
    assert [axis.get_title() for axis in made.axes] == titles
    for number, axis in enumerate(made.axes):
        below = number >= len(series)
        lines = [line for line in axis.lines if line.get_label() in names]
        assert [line.get_label() for line in lines] == list(names) and len(axis.collections) == len(
            names
        )
        for place, (line, band) in enumerate(zip(lines, axis.collections, strict=True)):
            expected = np.array([0.5, 1, 2]) * (1 if below else -1) + place
            np.testing.assert_array_equal(line.get_xdata(), [0.5, 1, 2])
            np.testing.assert_allclose(line.get_ydata(), expected)
            heights = band.get_paths()[0].vertices[:, 1]
            np.testing.assert_allclose(
                [heights.min(), heights.max()], [expected.min() - 0.1, expected.max() + 0.2]
            )
        assert [0, 0] in [list(line.get_ydata()) for line in axis.lines]
        assert axis.get_xlabel() == (
            f"dataset.{series[number - len(series)].split()[-1]}" if below else ""
        )
    looks = {
        (line.get_color(), line.get_linestyle())
        for line in made.axes[0].lines
        if line.get_label() in names
    }
    assert len(looks) == len(names)
    assert made.axes[0].get_ylabel() == "nats (below 0: composed is better)"
    assert made.axes[len(series)].get_ylabel() == "(above 0: composed is better)"
    assert [
        text.get_text() for text in made.axes[len(series) - 1].get_legend().get_texts()
    ] == list(names)


def test_a_trend_of_one_value_that_was_left_is_a_point_that_can_be_seen():
    made = figure.trend(differences(values=(0.5,)))
    drawn(made)
    assert all(
        line.get_marker() == "o"
        for line in made.axes[0].lines
        if line.get_label() in ("twin", "mlp")
    )
