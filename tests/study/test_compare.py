import errno

import composition
import pandas as pd
import pytest
from rows import point

from qtlrun.error import UsageError
from qtlrun.study.compare import Compare


def outcomes(failures):
    """Rows as if trained, but where the label is among these; each of them raises what stands
    there.
    """

    def outcome(label, row, seeds):
        if label in failures:
            raise failures[label]
        made = point((label,), seeds=len(seeds)).splits[0][label]
        made.outcomes = dict(zip(seeds, made.outcomes.values(), strict=True))
        return made

    return outcome


@pytest.mark.parametrize("margin", [0, -0.1, 0.6, float("nan"), float("inf")])
def test_a_margin_is_a_small_number_of_nats(margin):
    with pytest.raises(ValueError) as error:
        Compare(margin=margin, shots=1024)
    assert (
        str(error.value)
        == f"margin={margin}: nats of negative log-likelihood, above 0 and at most 0.5; or a share"
        " of the reference's, above 0% and at most 50%, as 5%."
    )


def test_an_execution_has_a_shot():
    with pytest.raises(ValueError) as error:
        Compare(margin=0.05, shots=0)
    assert str(error.value) == "shots=0: measurements of an execution, from 1 up."


def test_the_terminal_is_brief_and_the_table_file_has_all(once):
    assert once.well and once.error is None
    table = (once.out / "table.md").read_text()
    assert table.startswith("| row | what it is | seeds | failed | accuracy |")
    printed = " ".join(once.said.split())
    claim = "A - B, the whole model against the classical way, head and freezing at once: "
    assert claim + "on this split, undecided; too few seeds." in printed
    (line,) = [line for line in table.split("\n\n") if line.startswith(claim)]
    for words in (" nats of NLL [", "training noise ", ", accuracy ", "; fewer than three seeds"):
        assert words in line and words not in printed
    assert "Held fixed" not in printed and "Two seeds: intervals may be too narrow" in printed
    assert (
        "Two seeds: intervals may be too narrow" in table
        and "Held fixed for every row: split seed 0" in table
    )


def test_a_row_that_fails_costs_that_row_and_its_words_are_kept(compare):
    found = compare([["compare=[B,twin]", "seeds=3"]], outcomes({"B": MemoryError("128 GiB")}))
    assert found.well is False and found.error is None
    assert (
        "B: error: MemoryError: 128 GiB." in found.said
        and "B: error: MemoryError: 128 GiB." in (found.out / "table.md").read_text()
    )
    errors = pd.read_csv(found.out / "errors.csv").to_dict("records")
    assert errors == [{"row": "B", "seed": -1, "error": "MemoryError: 128 GiB"}]
    assert pd.read_csv(found.out / "contrasts.csv")["reference"].tolist() == ["twin"] * 3


def test_a_composed_row_that_fails_leaves_the_table_of_the_others(compare):
    found = compare([["compare=[B,twin]", "seeds=2"]], outcomes({"A": ValueError("nan.")}))
    assert found.well is False
    assert "A: error: ValueError: nan." in found.said and "nan.." not in found.said
    assert pd.read_csv(found.out / "table.csv")["row"].tolist() == ["B", "twin", "A"]


def test_a_run_of_failures_alone_says_so_and_is_written(compare):
    found = compare(
        [["compare=[B]", "seeds=2"]], outcomes({"A": ValueError("nan"), "B": ValueError("nan")})
    )
    assert found.well is False and found.error is None
    assert found.said.count("error: ValueError: nan.") == 2
    tables = {f"{name}.csv" for name in ("rows", "contrasts", "table", "errors")}
    assert "Traceback" in (found.out / "log.txt").read_text()
    assert set(found.files) == tables | {
        "log.txt",
        "table.md",
        "plan.yaml",
        "environment.json",
        "figures/circuit.png",
        "figures/circuit.svg",
    }


def test_a_sweep_of_failures_alone_says_so_and_chooses_nothing(compare):
    words = [["compare=[]", f"circuit.qubits={qubits}", "seeds=2"] for qubits in (2, 3)]
    found = compare(words, outcomes({"A": ValueError("nan")}))
    assert found.well is False and found.error is None
    for qubits in (2, 3):
        assert f"A at circuit.qubits={qubits}: error: ValueError: nan." in found.said
    assert "Chosen" not in found.said and len(pd.read_csv(found.out / "errors.csv")) == 2


def test_a_sweep_prints_the_test_figures_of_the_chosen_point_alone(compare):
    found = compare([["compare=[C]", f"circuit.qubits={qubits}", "seeds=2"] for qubits in (2, 3)])
    table = (found.out / "table.md").read_text()
    said = (
        "Chosen by validation NLL: circuit.qubits=2. The test figures below are those of that point"
        " alone."
    )
    assert said in table and said in " ".join(found.said.split())
    assert (
        table.startswith("| circuit.qubits | validation NLL | error | minus C | chosen |")
        and table.count("| row | ") == 1
    )
    assert found.said.count("compared") == 1
    assert "circuit.qubits=3:" in (found.out / "log.txt").read_text()


NONE = (
    "No point is chosen: what is swept is the task, the seeds, the references or the simulation, or"
    " validation is the test split. table.csv and rows.csv have all points."
)


@pytest.mark.parametrize(
    "words, blind",
    [
        ([["dataset.share=[0.4,0.9]"], ["dataset.share=[0.4,1.0]"]], True),
        ([["recipe.lr=0.1"], ["recipe.lr=0.2"]], False),
        ([["seeds=[0]"], ["seeds=[1]"]], True),  # luck
        ([["seeds=3"], ["seeds=4"]], True),
        ([["dtype=float32"], ["dtype=float64"]], True),  # the accuracy of the simulation
        ([["+device.shots=10"], ["+device.shots=null"]], True),
        ([["device=statevector"], ["device=lightning.qubit"]], True),
        ([["device.method=dense"], ["device.method=gatewise"]], True),
        (
            [["recipe.lr=0.1", "backbone.seed=0"], ["recipe.lr=0.2", "backbone.seed=1"]],
            True,
        ),  # luck beside a choice
        ([["compare=[C]"], ["compare=[C,twin]"]], True),  # the same model
    ],
)
def test_a_sweep_of_which_no_point_may_be_chosen_says_so_and_prints_no_test_figures(
    compare, words, blind
):
    def outcome(label, row, seeds):
        made = outcomes({})(label, row, seeds)
        made.blind = blind
        return made

    given = [
        [word for word in ("compare=[C]", "seeds=3") if word.split("=")[0] not in more[0]]
        for more in words
    ]
    found = compare([[*before, *more] for before, more in zip(given, words, strict=True)], outcome)
    table = (found.out / "table.md").read_text()
    assert found.well and table.endswith(f"\n\n{NONE}\n") and NONE in " ".join(found.said.split())
    assert (
        "Chosen by" not in table
        and "accuracy" not in found.said
        and "A - C" not in table
        and "| row |" not in table
    )
    assert not pd.read_csv(found.out / "table.csv")["chosen"].any()


def test_a_sweep_of_which_points_might_be_chosen_but_failed_does_not_say_so(compare):
    words = [["compare=[]", f"circuit.qubits={qubits}", "seeds=2"] for qubits in (2, 3)]
    assert "No point is chosen" not in compare(words, outcomes({"A": ValueError("nan")})).said


def test_a_full_disk_ends_the_run(compare):
    found = compare(
        [["compare=[B]", "seeds=2"]],
        outcomes({"B": OSError(errno.ENOSPC, "No space left on device")}),
    )
    assert isinstance(found.error, OSError) and found.error.errno == errno.ENOSPC


def test_another_error_of_the_system_costs_the_row(compare):
    found = compare(
        [["compare=[B]", "seeds=2"]], outcomes({"B": OSError(errno.EIO, "Input/output error")})
    )
    assert found.error is None and "B: error: OSError: [Errno 5] Input/output error." in found.said


def test_what_was_finished_when_the_user_stopped_it_is_shown_and_written(compare):
    found = compare([["compare=[B,twin]", "seeds=2"]], outcomes({"twin": KeyboardInterrupt()}))
    assert isinstance(found.error, KeyboardInterrupt)
    assert (
        pd.read_csv(found.out / "table.csv")["row"].tolist() == ["A", "B"]
        and "A - B, " in found.said
    )


def test_the_rows_before_the_one_that_was_stopped_are_kept_with_all_their_splits(compare):
    failures = {"B": ValueError("nan"), "twin": KeyboardInterrupt()}
    found = compare([["compare=[C,B,twin]", "seeds=2", "splits=2"]], outcomes(failures))
    assert isinstance(found.error, KeyboardInterrupt)
    table = pd.read_csv(found.out / "table.csv").set_index("row")
    assert table.index.tolist() == ["A", "C", "B"] and table.loc["A", "seeds"] == 4
    assert table.loc["B", "what it is"] == "error"


def test_a_sweep_that_was_stopped_keeps_its_finished_points(compare):
    words = [["compare=[]", f"circuit.qubits={qubits}", "seeds=2"] for qubits in (2, 3, 4)]
    seen = []

    def outcome(label, row, seeds):
        seen.append(label)
        return outcomes({"A": KeyboardInterrupt()} if len(seen) == 3 else {})(label, row, seeds)

    found = compare(words, outcome)
    assert isinstance(found.error, KeyboardInterrupt)
    assert pd.read_csv(found.out / "table.csv")["circuit.qubits"].tolist() == [2, 3]


def test_a_run_that_was_stopped_before_its_first_row_writes_no_table(compare):
    found = compare([["compare=[]", "seeds=2"]], outcomes({"A": KeyboardInterrupt()}))
    assert isinstance(found.error, KeyboardInterrupt) and found.files == []


def test_equal_plans_are_one_row(compare):
    found = compare([["compare=[A,B,C]", "head=classical", "seeds=2"]])
    assert (
        set(found.rows["row"]) == {"A", "B", "C"}
        and found.said.count("C - A, ") == 1
        and "C - C" not in found.said
    )


def test_a_reference_that_takes_the_composed_rows_letter_leaves_both_in_the_table(compare):
    found = compare([["compare=[A]", "head.spread=1.0", "seeds=2"]])
    assert set(found.rows["row"]) == {"composed", "A"}
    assert "composed - A, head.spread 1.0 against 0.01: " in " ".join(found.said.split())


def test_a_reference_that_is_not_what_its_letter_says_has_a_star_and_the_reason(compare):
    found = compare([["compare=[B]", "backbone.weights=none", "seeds=2"]])
    assert set(found.rows["row"]) == {"composed", "B*"}
    assert (
        "B* is not B in the sense of the literature: its backbone is not pre-trained." in found.said
    )
    assert "weights/B-seed0.safetensors" in found.files


@pytest.mark.parametrize("name", ["../../out", "a/b", "", ".hidden", "a b", "two\nlines", "n" * 65])
def test_a_reference_whose_name_is_no_file_name_is_refused(name):
    plan = composition.compose_plan("compare=[]")
    plan = plan.changed({"compare": {name: {"isolates": "nothing"}}})
    with pytest.raises(UsageError) as error:
        _ = plan.references
    assert (
        str(error.value)
        == f"compare.{name}: a reference's name is made of letters, digits, - and _, at most 64 of"
        " them."
    )


@pytest.mark.parametrize("margin", ["0%", "-1%", "200%", "5 %", "abc"])
def test_a_relative_margin_that_cannot_be_is_refused(refusal, margin):
    said = refusal(f"study.margin='{margin}'")
    assert said.startswith(f"study.margin={margin}: ") and "at most 50%, as 5%" in said


def test_a_relative_margin_reaches_the_table_of_contrasts(studied):
    found = studied("study.margin=5%", "compare=[twin]", "seeds=3")
    frame = pd.read_csv(found.out / "contrasts.csv").set_index("metric")
    rows = found.frame.query("metric == 'test_nll' and row == 'twin'")
    # a few roundings of float64
    expected = 0.05 * rows["value"].mean()
    assert frame.loc["test_nll", "margin"] == pytest.approx(expected, rel=1e-9)
