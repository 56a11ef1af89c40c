import io

import pandas as pd
import pytest
from rich.console import Console
from rows import MNIST, generated, point, random_logits, row

from qtlrun.report import frame as frames
from qtlrun.report import terminal

LONG = "a_reference_with_a_name_that_somebody_thought_of_late_at_night"
ABOUT = (
    "mobilenet_v2.features.18, fine-tuned + strongly entangling circuit 12x24, angles frozen,"
    " unentangled"
)
LARGE = {
    "parameters_circuit": 864,
    "parameters_head": 1_049_600,
    "parameters_backbone": 123_456_789,
    "seconds": 12_345.6,
}


def console(width=100, **values):
    return Console(file=io.StringIO(), width=width, **values)


def shown(made, width=100, **values):
    place = console(width, **values)
    terminal.show(place, made, frames.table(made, 0.05, 1024))
    return place.file.getvalue()


def words(lines):
    """All that a table says, however its cells are folded."""
    return "".join("".join(lines).split())


@pytest.fixture
def wild():
    """Rows with long names, long descriptions, large counts, large differences, and two that
    failed.
    """
    made = point(("composed", "B"), seeds=2, about=ABOUT, **LARGE)
    made.splits[0][LONG] = row(LONG, *random_logits(seeds=2, skill=200), about=ABOUT, **LARGE)
    made.splits[0]["B"].stored = True
    made.splits[0]["lost"] = row("lost", *random_logits(seeds=2), about=ABOUT)
    made.splits[0]["lost"].outcomes.clear()
    made.errors["twin", 0] = "MemoryError: 128 GiB"
    return made


def test_a_row_says_what_it_is_its_figures_and_their_intervals():
    made = point(
        ("A", "B"),
        parameters_circuit=24,
        parameters_head=280,
        parameters_backbone=77_392,
        seconds=0.628,
    )
    table = frames.table(made, 0.05, 1024).set_index("row")
    lines = shown(made).splitlines()
    assert lines[0].split() == [
        "row",
        "what",
        "it",
        "is",
        "accuracy,",
        "95",
        "%",
        "NLL",
        "trained",
        "s",
        "A",
        "-",
        "row,",
        "nats",
    ]
    line, gap = table.loc["B"], "difference"
    for said in (
        f"{line['accuracy']:.3f} [{line['accuracy low']:.2f}, {line['accuracy high']:.2f}]".replace(
            "0.", "."
        ),
        f"{line['NLL']:.3f}".replace("0.", ".") + "  24+280+77k",
        "24+280+77k  0.63",
        f"{line[gap]:+.2f} [{line[gap + ' low']:+.2f}, {line[gap + ' high']:+.2f}]".replace(
            "0.", "."
        ),
    ):
        assert said in lines[3], said
    assert "small, frozen + one" in lines[2] or "small, frozen + one" in shown(made)
    assert f"{table.loc['A', 'accuracy']:.3f}"[1:] in lines[2]


def test_where_weights_are_generated_the_gap_stands_in_place_of_seconds_and_with_room_both_do():
    made = generated(
        point(("composed", "direct"), pictures=80, about="convolution + one linear layer"),
        "composed",
    )
    table = frames.table(made, 0.05, 1024).set_index("row")
    lines = shown(made).splitlines()
    assert lines[0].split() == [
        "row",
        "what",
        "it",
        "is",
        "accuracy,",
        "95",
        "%",
        "gap",
        "NLL",
        "trained",
        "composed",
        "-",
        "row,",
        "nats",
    ]
    line = table.loc["composed"]
    figures = f"{line['gap']:+.3f} {line['NLL']:.3f} 1248+249+0+0".replace("0.", ".")
    assert figures in " ".join(lines[2].split()) and "0+0+10+0" in shown(made)
    roomy = shown(made, 120).splitlines()
    assert roomy[0].split() == [
        "row",
        "what",
        "it",
        "is",
        "accuracy,",
        "95",
        "%",
        "train",
        "gap",
        "NLL",
        "trained",
        "s",
        "composed",
        "-",
        "row,",
        "nats",
    ]
    assert f".875 {figures} 2" in " ".join(roomy[2].split())


def test_a_generated_row_fits_a_hundred_columns_with_room_for_what_it_is():
    about = "convolution, fine-tuned + one linear layer, head.*,backbone.* from a circuit"
    made = generated(
        point(
            ("composed", "frozen_angles", "mapping_only"),
            about=about,
            parameters_head=6690,
            seconds=3800.0,
        ),
        "composed",
        values=MNIST | {"parameters_circuit": 10_830, "parameters_mapping": 17_121},
    )
    text = shown(made)
    assert "…" not in text and max(map(len, text.splitlines())) <= 100 and "11k+17k+0+0" in text
    place = text.index("what it is")
    end = text.index("accuracy,") - 1
    assert {word for line in text.splitlines()[2:] for word in line[place:end].split()} >= {
        "convolution,",
        "fine-tuned",
        "one",
        "circuit",
    }
    assert {line[:place].strip() for line in text.splitlines()[2:]} == {
        "composed",
        "frozen_angles",
        "mapping_only",
        "",
    }  # and none broken


def test_nothing_is_cut_at_a_hundred_columns(wild):
    text = shown(wild)
    assert "…" not in text and max(map(len, text.splitlines())) <= 100
    said = words(text.splitlines())
    for number in ("864+1.0M+123.5M", "12346", "error", "†"):
        assert number in said
    names = words(line[: text.index("what it is")] for line in text.splitlines()[1:])
    assert LONG in names and "composed" in names and "lost" in names and "twin" in names


@pytest.mark.parametrize("width", [60, 80, 99])
def test_a_narrower_terminal_gets_fewer_columns_and_none_of_them_cut(wild, width):
    text = shown(wild, width)
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    assert text.splitlines()[0].split() == [
        "row",
        "accuracy,",
        "95",
        "%",
        "NLL",
        "composed",
        "-",
        "row,",
        "nats",
    ]
    assert "error" in text


def test_a_terminal_of_twenty_columns_is_printed_to_all_the_same(wild):
    assert shown(wild, 20)


def test_nothing_is_coloured_where_there_is_no_terminal(wild):
    assert "\x1b" not in shown(wild)
    assert "\x1b" in shown(wild, force_terminal=True)


def test_names_are_printed_as_they_are():
    made = point(("A", "[red]B[/]", ":bee:"), about="resnet [bold] :ant:")
    text = shown(made)
    assert (
        "[red]B[/]" in text
        and ":bee:" in text
        and "[bold]" in words(text)
        and ":ant:" in words(text)
    )


def test_a_point_of_failures_alone_is_printed():
    made = point(("A",))
    made.splits[0].clear()
    made.errors["A", 0] = "MemoryError: 128 GiB"
    assert shown(made).splitlines()[2].split() == ["A", "error:", "see", "below", "error"]
    assert "error" in shown(made, 60)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((0, 0, 0), "0+0+0"),
        ((24, 9_999, 10_000), "24+9999+10k"),
        ((0, 999_499, 1_000_000), "0+999k+1.0M"),
        ((0, 2, 11_176_512), "0+2+11.2M"),
    ],
)
def test_trained_numbers_are_short(numbers, said):
    assert (
        terminal.trained(
            {
                f"parameters_{place}": number
                for place, number in zip(("circuit", "head", "backbone"), numbers, strict=False)
            }
        )
        == said
    )


def test_in_a_table_with_a_mapping_every_row_has_a_place_for_it():
    numbers = {"parameters_circuit": 0, "parameters_head": 10, "parameters_backbone": 0}
    assert terminal.trained(numbers | {"parameters_mapping": 249}) == "0+249+10+0"
    assert terminal.trained(numbers | {"parameters_mapping": pd.NA}) == "0+0+10+0"


def test_no_count_is_a_thousand_thousands():
    assert (
        terminal.trained(
            {"parameters_circuit": 0, "parameters_head": 0, "parameters_backbone": 999_999}
        )
        == "0+0+1.0M"
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.00753, "0.0075"), (0.628, "0.63"), (9.96, "10"), (16.2, "16"), (12_345.6, "12346")],
)
def test_seconds_are_short_and_plain(seconds, said):
    assert f" {said} " in shown(point(("A", "B"), seconds=seconds))


def sweep(count=4, names=("A", "B", "twin", "frozen_circuit", "unentangled", "random_circuit")):
    keys = [
        {"circuit.qubits": 2 + number, "recipe.backbone_lr": 0.00125 * number}
        for number in range(count)
    ]
    return frames.sweep_table([point(names, keys=key, seeds=2) for key in keys]), tuple(keys[0])


def test_a_sweep_fits_a_hundred_columns_and_shows_its_values_as_they_are():
    frame, exact = sweep()
    place = console()
    terminal.show_sweep(place, frame, exact)
    text = place.file.getvalue()
    assert "…" not in text and max(map(len, text.splitlines())) <= 100 and "table.csv" not in text
    assert "0.00125" in text and "0.0025" in text and "yes" in text
    for name in (
        "circuit.",
        "qubits",
        "backbone_",
        "lr",
        "validation",
        "NLL",
        "minus",
        "frozen_",
        "random_",
        "chosen",
    ):
        assert name in text


@pytest.mark.parametrize(("width", "count"), [(60, 6), (100, 12)])
def test_a_sweep_with_more_references_than_fit_says_where_they_are(width, count):
    frame, exact = sweep(names=("A", *(f"reference_{number}" for number in range(count))))
    place = console(width)
    terminal.show_sweep(place, frame, exact)
    text = place.file.getvalue()
    assert "…" not in text and "minus" not in text and max(map(len, text.splitlines())) <= width
    assert "0.500      0     yes" in text
    assert " ".join(text.split()).endswith(
        "The differences to the references do not fit here; table.csv has them."
    )


def test_sentences_are_printed_as_they_are():
    place = console()
    terminal.say(place, ["A - B [red]: [+0.1, +0.2] :bee:", "x" * 150])
    text = place.file.getvalue()
    assert text.startswith("A - B [red]: [+0.1, +0.2] :bee:\n") and text.count("x") == 150


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_how_many_trainings_failed_stands_in_the_table_at_every_width(width):
    made = point(("A", "C"), seeds=6)
    assert "failed" not in shown(made, width)
    made.splits[0]["C"].errors.update({6: "the loss is not finite", 7: "the loss is not finite"})
    text = shown(made, width)
    assert "failed" in text.splitlines()[0] and "2 of 8" in text and "of 6" not in text
    assert max(map(len, text.splitlines())) <= width


def test_with_room_the_accuracy_difference_has_a_column():
    made = point(("A", "C"), seeds=6)
    gap = made.accuracy_contrasts()["C"].interval
    cell = f"{gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]".replace("0.", ".")
    assert "A - row, accuracy" in shown(made, 120) and cell in shown(made, 120)
    assert "A - row, accuracy" not in shown(made, 100)
