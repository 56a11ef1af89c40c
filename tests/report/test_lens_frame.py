"""Frames and sections of what lenses read, from numbers made by hand."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats
from statsmodels.stats.multitest import multipletests

from qtlrun.report import frame
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note


def readings(numbers):
    """Readings of {(row, measure, layer): values by seed}."""
    lines = [
        {"row": row, "split": seed, "seed": seed, "measure": measure, "layer": layer, "value": each}
        | {"tested": measure != "untested"}
        for (row, measure, layer), values in numbers.items()
        for seed, each in enumerate(values)
    ]
    return frame.readings_frame(lines)


NEAR = np.array([0.1, 0.2, 0.3, 0.2])
TWO = {
    ("A", "share", "stem"): NEAR,
    ("B", "share", "stem"): NEAR + 0.01 * np.array([1, -1, 1, -1]),
    ("C", "share", "stem"): NEAR - 2 + 0.01 * np.array([1, 2, 3, 5]),
    ("A", "depth", ""): NEAR,
    ("B", "depth", ""): NEAR[::-1],
}


def test_a_row_has_its_mean_and_spread_and_the_composed_rows_difference_to_it():
    spreads = frame.spread_frame(readings(TWO), "A").set_index(["measure", "row"])
    line = spreads.loc[("share", "C")]
    assert np.isclose(line["mean"], NEAR.mean() - 2 + 0.0275) and line["trainings"] == 4
    assert np.isclose(line["difference"], 2 - 0.0275)
    assert line["low"] < line["difference"] < line["high"] and line["differs"] is np.True_
    assert np.isclose(line["deviation"], np.std(NEAR - 2 + [0.01, 0.02, 0.03, 0.05], ddof=1))
    assert pd.isna(spreads.loc[("share", "A"), "difference"])
    assert [*frame.differing(spreads.reset_index())] == [("share, stem", "C")]


def test_holms_correction_is_over_all_differences_of_a_lens():
    from qtlrun.statistic import spread

    spreads = frame.spread_frame(readings(TWO), "A")
    pairs = [("share", "stem", "B"), ("share", "stem", "C"), ("depth", "", "B")]
    raw = [spread(TWO["A", *pair[:2]], TWO[pair[2], *pair[:2]]).p for pair in pairs]
    adjusted = spreads["p_holm"].dropna().to_numpy()
    assert np.allclose(adjusted, multipletests(raw, method="holm")[1])


def test_trainings_are_paired_by_split_and_seed():
    shuffled = readings(TWO).sample(frac=1, random_state=1)
    ordered = frame.spread_frame(readings(TWO), "A").set_index(["measure", "row"]).sort_index()
    found = frame.spread_frame(shuffled, "A").set_index(["measure", "row"]).sort_index()
    pd.testing.assert_frame_equal(found, ordered)
    fewer = readings(TWO).query("not (row == 'C' and seed == 0)")
    spreads = frame.spread_frame(fewer, "A").set_index(["measure", "row"])
    assert np.isclose(spreads.loc[("share", "C"), "difference"], 2 - 0.1 / 3)


def test_a_number_whose_trainings_depend_on_one_another_has_no_test():
    numbers = {(row, "untested", layer): each for (row, _, layer), each in TWO.items() if layer}
    plain = frame.spread_frame(readings(TWO), "A")
    both = frame.spread_frame(readings(TWO | numbers), "A")
    known = both[both["measure"] != "untested"].reset_index(drop=True)
    pd.testing.assert_frame_equal(known, plain)
    untested = both[both["measure"] == "untested"]
    assert untested["p_holm"].isna().all() and not untested["differs"].any()


def test_trainings_of_one_split_count_once_where_there_are_several_splits():
    """A gap that goes with the split is no evidence from each of its seeds."""
    draw = np.random.default_rng(0)
    lines = []
    for split, gap in enumerate((2.0, -2.5, 1.0)):
        for seed in range(5):
            value = draw.normal(0, 0.1)
            keys = {"split": split, "seed": seed, "measure": "m", "layer": "", "tested": True}
            lines.append({"row": "A", "value": value + gap} | keys)
            lines.append({"row": "B", "value": value + draw.normal(0, 0.1)} | keys)
    line = frame.spread_frame(frame.readings_frame(lines), "A").dropna().iloc[-1]
    means = pd.DataFrame(lines).pivot_table(index="split", columns="row", values="value")
    assert np.isclose(line["p_holm"], stats.ttest_rel(means["A"], means["B"]).pvalue)


def test_a_number_that_is_not_known_is_left_out():
    numbers = TWO | {
        ("C", "share", "stem"): [np.nan] * 4,
        ("B", "share", "stem"): [0, np.nan, 1, 2],
    }
    spreads = frame.spread_frame(readings(numbers), "A").set_index(["measure", "row"])
    assert spreads.loc[("share", "C"), "trainings"] == 0 and pd.isna(
        spreads.loc[("share", "C"), "mean"]
    )
    assert (
        spreads.loc[("share", "B"), "trainings"] == 3 and spreads.loc[("share", "B"), "mean"] == 1
    )


def test_the_table_has_a_line_a_number_a_column_a_row_and_a_mark_where_they_differ():
    table = frame.spread_table(frame.spread_frame(readings(TWO), "A"))
    assert [*table] == ["number", "A", "B", "C"]
    assert table["number"].tolist() == ["share, stem", "depth"]
    assert table.loc[0, "C"] == "-1.77 ± .091 ≠" and table.loc[1, "C"] == ""
    assert table.loc[0, "A"] == ".2 ± .082" and "*" not in table.loc[0, "B"]


def test_without_the_composed_row_or_with_it_alone_nothing_is_compared():
    for numbers in (
        {key: values for key, values in TWO.items() if key[0] != "A"},
        {key: values for key, values in TWO.items() if key[0] == "A"},
    ):
        spreads = frame.spread_frame(readings(numbers), "A")
        assert not [*frame.differing(spreads)] and len(frame.spread_table(spreads)) == 2


def test_no_readings_give_empty_frames():
    spreads = frame.spread_frame(readings({}), "A")
    assert not len(spreads) and not len(frame.spread_table(spreads))


def test_a_section_has_a_title_a_table_sentences_and_figures_in_this_order():
    table = frame.spread_table(frame.spread_frame(readings(TWO), "A"))
    section = Section("tsne", table, [Note("a line.")], {}, {"tsne": Figure()})
    text = section.markdown
    places = [text.index(each) for each in ("## tsne", "| share, stem", "a line.", "![tsne](fig")]
    assert places == sorted(places)
    bare = Section("tsne", pd.DataFrame(), [Note("a line.")], {}, {})
    assert bare.markdown == "## tsne\n\na line."


def test_a_short_table_has_of_a_long_one_the_numbers_that_differ():
    table = pd.DataFrame(
        [
            {"number": str(number), "A": "1", "B": "2 ≠" if number == 7 else "1"}
            for number in range(30)
        ]
    )
    assert frame.short_table(table, 15)["number"].tolist() == ["7"]
    assert len(frame.short_table(table, 30)) == 30


def test_the_terminal_shows_the_first_lines_of_a_table_unless_another_is_named():
    table = pd.DataFrame({"qubits": range(18), "ms": np.linspace(0.1, 2, 18)})
    plain = Section("cost", table, [], {}, {})
    assert plain.brief["qubits"].tolist() == [*range(15)] and "| 17 |" in plain.markdown
    assert Section("cost", table, [], {}, {}, shown=table[16:]).brief["qubits"].tolist() == [16, 17]
