import io
import itertools

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from rows import MNIST, generated, point, random_logits, row

from qtlrun.report import frame as frames
from qtlrun.report import terminal
from qtlrun.report.terminal.table import trained

LONG = "a_reference_with_a_name_that_somebody_thought_of_late_at_night"
ABOUT = (
    "fine-tuned mobilenet_v2.features.18 + strongly entangling circuit 12x24, angles frozen,"
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
    made.errors["twin"] = "MemoryError: 128 GiB"
    return made


def titles(text):
    """Words of the table's head."""
    return text[: text.index("─")].split()


def body(text):
    """Lines of the table's rows."""
    lines = text[text.rindex("─") + 1 :].splitlines()
    return [line for line in lines if line.strip()]


def short(number, form):
    """Number as the table has it, without the zero before its point."""
    return format(number, form).replace("0.", ".")


def test_a_row_says_what_it_is_its_figures_and_their_intervals():
    made = point(
        ("A", "B"),
        parameters_circuit=24,
        parameters_head=280,
        parameters_backbone=77_392,
        seconds=0.628,
    )
    table = frames.table(made, 0.05, 1024).set_index("row")
    text = shown(made, 140)
    for title in ("row", "what", "accuracy", "NLL", "trained", "seed", "row", "compared"):
        assert title in titles(text)
    first, line = body(text)
    figures, gap = table.loc["B"], "difference"
    for cell in (
        f"{short(figures['accuracy'], '.3f')} [{short(figures['accuracy low'], '.2f')},"
        f" {short(figures['accuracy high'], '.2f')}]",
        f"{short(figures['NLL'], '.3f')}  24+280+77k",
        "24+280+77k   0.63",
        f"{short(figures[gap], '+.2f')} [{short(figures[gap + ' low'], '+.2f')},"
        f" {short(figures[gap + ' high'], '+.2f')}]",
        "frozen small + one linear layer",
    ):
        assert cell in line, cell
    assert short(table.loc["A", "accuracy"], ".3f") in first


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_verdict_is_a_word_in_the_table_at_every_width(width):
    made = point(("A", "B", "C"), skills={"A": 2, "B": 0.5, "C": 4})
    text = shown(made, width)
    words = frames.table(made, 0.05, 1024).set_index("row")["verdict"]
    assert words[["B", "C"]].tolist() == ["better", "worse"]
    cells = {line.split()[0]: line.split()[-1] for line in text.splitlines() if line.strip()}
    assert (cells["B"], cells["C"]) == ("better", "worse")
    assert " ".join(titles(text)).endswith("with row")


def test_a_verdict_is_withheld_in_the_table_where_a_training_failed():
    made = point(("A", "B", "C"), skills={"A": 2, "B": 0.5, "C": 4}, seeds=6)
    made.splits[0]["B"].errors[6] = "the loss is not finite"
    composed, failed, whole = body(shown(made, 160))
    assert failed.split()[-2:] == ["no", "verdict"] and whole.split()[-1] == "worse"
    assert "verdict" not in composed


def test_a_verdict_that_the_accuracies_contradict_is_one_by_nll():
    labels = np.arange(200) % 2
    right = {"A": 0.55, "B": 0.9}
    confidence = {"A": 0.1, "B": 50.0}
    made = point(("A", "B"), pictures=200)
    for name, share in right.items():
        generator = np.random.default_rng(3)
        sign = np.where(generator.random((5, 200)) < share, 1, -1)
        logits = np.zeros((5, 200, 2))
        logits[:, np.arange(200), labels] = confidence[name] * sign
        made.splits[0][name] = row(name, logits, labels)
    assert frames.table(made, 0.05, 1024)["verdict"].tolist()[1] == "better"
    text = shown(made, 160)
    assert words([text]).endswith("betterbyNLL")


def test_where_weights_are_generated_the_gap_stands_before_seconds_and_with_room_both_do():
    made = generated(
        point(("composed", "direct"), pictures=80, about="convolution + one linear layer"),
        "composed",
    )
    table = frames.table(made, 0.05, 1024).set_index("row")
    assert {"gap", "mapping"} <= set(titles(shown(made))) and "train" not in titles(shown(made))
    line = table.loc["composed"]
    figures = f"{line['gap']:+.3f} {line['NLL']:.3f} 1248+249+0+0".replace("0.", ".")
    text = " ".join(shown(made).split())
    assert figures in text and "0+0+10+0" in text
    roomy = shown(made, 150)
    assert {"train", "gap", "seed"} <= set(titles(roomy))
    assert f".875 {figures} 2" in " ".join(roomy.split())


def test_a_generated_row_fits_a_hundred_columns_with_room_for_what_it_is():
    about = "fine-tuned convolution + one linear layer, head.*,backbone.* from a circuit"
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
    lines = body(text)
    assert {*about.split()} <= {word for line in lines for word in line.split()}
    labels = {line[:14].strip() for line in lines}
    assert labels - {""} == {"composed", "frozen_angles", "mapping_only"}  # and none broken


def test_nothing_is_cut_at_a_hundred_columns(wild):
    text = shown(wild)
    assert "…" not in text and max(map(len, text.splitlines())) <= 100
    said = words(text.splitlines())
    assert "error" in said and "†" in said
    for number in ("864+1.0M+123.5M", "12346"):
        assert number in shown(wild, 160)
    names = words(line[:18] for line in body(text))
    assert LONG in names and "composed" in names and "lost" in names and "twin" in names


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_no_description_or_long_label_is_cut_inside_a_word(wild, width):
    text = shown(wild, width)
    found = set(text.split())
    if "what" in titles(text):
        assert {*ABOUT.split()} <= found
    assert {"a_reference_", "with_a_name_", "that_somebody_", "thought_of_late_"} <= found


def test_columns_are_dropped_in_one_order(wild):
    kept = [set(titles(shown(wild, width))) for width in range(160, 56, -1)]
    for wide, narrow in itertools.pairwise(kept):
        assert narrow <= wide | {"-", "row", "composed"}
    order = ["accuracy", "s", "trained", "what", "NLL"]
    lost = [next((n for n, names in enumerate(kept) if name not in names), 999) for name in order]
    assert lost[0] == 999 and lost[1:4] == sorted(lost[1:4]) and lost[3] < 999


@pytest.mark.parametrize("width", [60, 80, 99])
def test_a_narrower_terminal_gets_fewer_columns_and_none_of_them_cut(wild, width):
    text = shown(wild, width)
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    assert {"row", "accuracy", "compared"} <= set(titles(text)) and "seed" not in titles(text)
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
    made.errors["A"] = "MemoryError: 128 GiB"
    assert body(shown(made))[0].split() == ["A", "error:", "see", "below", "error"]
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
        trained(
            {
                f"parameters_{place}": number
                for place, number in zip(("circuit", "head", "backbone"), numbers, strict=False)
            }
        )
        == said
    )


def test_in_a_table_with_a_mapping_every_row_has_a_place_for_it():
    numbers = {"parameters_circuit": 0, "parameters_head": 10, "parameters_backbone": 0}
    assert trained(numbers | {"parameters_mapping": 249}) == "0+249+10+0"
    assert trained(numbers | {"parameters_mapping": pd.NA}) == "0+0+10+0"


def test_no_count_is_a_thousand_thousands():
    assert (
        trained({"parameters_circuit": 0, "parameters_head": 0, "parameters_backbone": 999_999})
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
    terminal.show_sweep(place, frame, exact, "A")
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
        "A - frozen_",
        "A - random_",
        "chosen",
    ):
        assert name in text


@pytest.mark.parametrize(("width", "count"), [(60, 6), (100, 12)])
def test_a_sweep_with_more_references_than_fit_says_where_they_are(width, count):
    frame, exact = sweep(names=("A", *(f"reference_{number}" for number in range(count))))
    place = console(width)
    terminal.show_sweep(place, frame, exact, "A")
    text = place.file.getvalue()
    assert "…" not in text and "A - " not in text and max(map(len, text.splitlines())) <= width
    assert "0.500     yes" in text
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
    assert "failed" in titles(text) and "2 of 8" in text and "of 6" not in text
    assert max(map(len, text.splitlines())) <= width


def test_with_room_the_accuracy_difference_has_a_column():
    made = point(("A", "C"), seeds=6)
    gap = made.accuracy_contrasts()["C"].interval
    cell = f"{gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]".replace("0.", ".")
    assert titles(shown(made, 160)).count("accuracy") == 2 and cell in shown(made, 160)
    assert titles(shown(made, 100)).count("accuracy") == 1


@pytest.mark.parametrize("width", [60, 80, 100])
def test_columns_that_have_no_room_follow_below_with_the_first_one_and_no_word_is_broken(width):
    rows = [f"row{number}" for number in range(9)]
    frame = pd.DataFrame(
        {"number": ["nearest-neighbour accuracy, features", "depth"]}
        | {name: [f".{number}25 ± .019 *", f"{number}"] for number, name in enumerate(rows)}
    )
    place = console(width)
    terminal.show_blocks(place, frame)
    lines = place.file.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    heads = [line.split() for line in lines if line.startswith("number")]
    assert len(heads) > 1 and [name for head in heads for name in head[1:]] == rows
    text = " ".join(lines)
    assert text.count("nearest-neighbour") == len(heads) == text.count("features")
    assert all(f".{number}25 ± .019 *" in text for number in range(9))
