"""The notebook, whose cells are run one after another as Jupyter does."""

import ast
import json
from pathlib import Path

import pandas as pd
import pytest
from figures import leave_undrawn

from qtlrun.report import figure

NOTEBOOK = Path(__file__).parent / "notebook.ipynb"


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the cells show: the value of the last expression of each."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("notebook")
        patch.chdir(place)
        leave_undrawn(patch)
        patch.setattr(figure, "drawing", lambda *_: {})
        patch.setenv("QTLRUN_HOME", str(place / "home"))
        names = {}
        cells = json.loads(NOTEBOOK.read_text())["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        return [run(source, names) for source in sources]


def run(source, names):
    """Run a cell among these names; the value of its last expression."""
    *statements, last = ast.parse(source).body
    exec(compile(ast.Module(statements, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_a_notebook_shows_the_table_of_a_run(shown):
    table = shown[0]._repr_markdown_()
    assert "| row | what it is |" in table and f"Written to {shown[0].folder}" in table


def test_a_notebook_has_the_rows_and_the_verdicts_of_a_run(shown):
    result, rows, verdicts, _ = shown
    assert list(rows.index) == ["A", "C", "twin"] and rows["test_accuracy"].between(0, 1).all()
    table = pd.read_csv(result.folder / "table.csv").set_index("row")
    assert verdicts["reference"].tolist() == ["C", "twin"]
    assert verdicts["difference"].tolist() == table["difference"][["C", "twin"]].tolist()


def test_a_notebook_runs_the_plan_again_with_more_seeds(shown):
    assert shown[3]["reference"].tolist() == ["C", "twin"]
