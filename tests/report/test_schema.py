"""Schemas of the frames that a report writes."""

import pandas as pd
import pytest

from qtlrun.comparison import metric
from qtlrun.report import schema
from qtlrun.report.column import Column, Schema

PLAIN = Schema(
    (
        Column("row", "text", "", "label"),
        Column("nll", "float64", "nats", "test NLL"),
        Column("shots", "Int64", "shots", "spent", optional=True),
        Column("stored", "boolean", "", "whether", optional=True),
    )
)
SCHEMAS = [value for value in vars(schema).values() if isinstance(value, Schema)]


def test_a_line_is_put_in_the_order_of_the_schema():
    frame = PLAIN.frame([{"shots": 3, "nll": 0.5, "row": "A"}])
    assert list(frame.columns) == ["row", "nll", "shots"]


def test_columns_have_the_declared_dtypes_where_lines_lack_them_too():
    frame = PLAIN.frame(
        [{"row": "A", "nll": 1, "shots": 3, "stored": True}, {"row": "B", "nll": 2}]
    )
    assert frame.dtypes[["nll", "shots", "stored"]].astype(str).tolist() == [
        "float64",
        "Int64",
        "boolean",
    ]
    assert frame.loc[1, ["shots", "stored"]].isna().all()


def test_an_optional_column_that_no_line_has_is_absent():
    assert list(PLAIN.frame([{"row": "A", "nll": 1.0}]).columns) == ["row", "nll"]


def test_no_lines_are_an_empty_frame_of_what_is_required():
    frame = PLAIN.with_keys(["circuit.qubits"]).frame([])
    assert frame.empty and list(frame.columns) == ["circuit.qubits", "row", "nll"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"row": "A", "nll": 1.0, "nul": 2.0}, r"\['nul'\] are in no schema"),
        ({"row": "A"}, r"\['nll'\] are absent"),
        ({"row": 1, "nll": 1.0}, "'row': texts were declared"),
    ],
)
def test_a_line_that_departs_from_the_schema_is_refused(line, message):
    with pytest.raises(ValueError, match=message):
        PLAIN.frame([{"row": "A", "nll": 1.0}, line])


def test_a_value_that_is_no_number_is_refused():
    with pytest.raises(ValueError):
        PLAIN.check(pd.DataFrame({"row": ["A"], "nll": ["low"]}))


def test_a_family_stands_for_the_columns_that_a_run_names():
    columns = schema.TRIALS.with_family(schema.DRAWN, ["recipe.lr", "head.spread"]).columns
    names = [column.name for column in columns]
    assert names[3:] == ["recipe.lr", "head.spread", "validation_nll", "chosen"]


def test_every_column_is_described_and_stands_once():
    assert len(SCHEMAS) == 13
    for each in SCHEMAS:
        names = [column.name for column in each.columns]
        assert len(names) == len(set(names)) and all(column.about for column in each.columns)


def test_executions_say_whether_they_are_those_of_one_seed_or_of_all():
    """A table has those of a seed, study=plan those of the row."""
    for name in ("executions", "shots"):
        (table,) = [column for column in schema.TABLE.columns if column.name == name]
        (forecast,) = [column for column in schema.FORECAST.columns if column.name == name]
        assert "for one seed" in table.about and "over all seeds" in forecast.about


def test_the_table_has_every_metric_that_has_a_column():
    names = [column.name for column in schema.TABLE.columns]
    shown = [each for each in metric.METRICS if each.column]
    assert len(shown) > 20 and {each.column for each in shown} <= set(names)
    assert {"NLL low", "NLL high", "accuracy low", "accuracy high"} <= set(names)
    assert {each.name for each in metric.SHARES} <= {each.name for each in schema.SWEEP.columns}


def test_a_metric_has_one_name_and_one_column():
    names = [each.name for each in metric.METRICS]
    columns = [each.column for each in metric.METRICS if each.column]
    assert len(set(names)) == len(names) and len(set(columns)) == len(columns)
