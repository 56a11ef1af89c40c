"""study=interpret by the command line, and lenses beside a comparison."""

import shutil

import pandas as pd
import pytest
import yaml
from finished import train

from qtlrun.compose import main

TSNE = ("lens=[tsne]", "lens.tsne.items=12", "lens.tsne.perplexity=3")
FILES = ["tsne.csv", "tsne_points.csv", "tsne_rows.csv"]


def interpret(run, place, *words):
    """Folder of a look into a run."""
    return train(place, "study=interpret", f"run={run}", *words)


@pytest.fixture
def refusal(tmp_path, capsys):
    """Words of the refusal of a command line, which leaves nothing behind."""

    def refuse(*words):
        place = [f"home={tmp_path / 'home'}", f"outputs={tmp_path / 'outputs'}"]
        assert main([*words, *place]) == 2
        assert not (tmp_path / "outputs").exists()
        return capsys.readouterr().err.strip()

    return refuse


def test_a_run_is_looked_into_and_nothing_is_trained(pictures_run, tmp_path, programs):
    folder = interpret(pictures_run, tmp_path, *TSNE, "study.rows=[twin,A]")
    assert not programs
    names = {path.name for path in folder.glob("*.*")}
    assert names >= {*FILES, "table.md", "plan.yaml", "environment.json", "log.txt"}
    assert not names & {"rows.csv", "weights.json"}
    numbers = pd.read_csv(folder / "tsne.csv")
    assert numbers["row"].unique().tolist() == ["A", "twin"]
    text = (folder / "table.md").read_text()
    assert text.startswith("## tsne\n") and "| nearest-neighbour accuracy, features |" in text
    assert "![tsne](figures/tsne.png)" in text
    plan = yaml.safe_load((folder / "plan.yaml").read_text())
    assert plan["lens"]["tsne"]["items"] == 12 and plan["run"] == str(pictures_run)


def test_a_figure_is_written_as_png_and_svg(vectors_run, tmp_path):
    place = [f"home={tmp_path / 'home'}", f"outputs={tmp_path / 'outputs'}", "lens=[tsne]"]
    words = [*TSNE, "study.rows=[twin]", f"run={vectors_run}", "study=interpret", *place]
    assert main(list(dict.fromkeys(words))) == 0
    assert len([*tmp_path.glob("outputs/*/*/figures/tsne.*")]) == 2


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "study=interpret: it looks into a finished run; run=last takes the newest"),
        (("run=RUN", "lens=[]"), "lens=[]: it looks through one lens or more"),
        (("run=RUN", "lens=[nothere]"), "lens=nothere: "),
        (("run=RUN", "~lens"), "~lens: its options cannot be taken away so; lens=[] chooses none"),
        (("run=RUN", "lens.tsne.items=0"), "lens.tsne.items=0: a number from 1 up"),
        (("run=RUN", "lens.tsne.items=many"), "lens.tsne.items=many: "),
        (("run=RUN", "lens.tsne.itemz=3"), "items"),
        (("run=RUN", "study.rows=[twni]"), "study.rows=twni: the run has no such row; did you"),
        (("run=RUN", "study.rows=[]"), "study.rows=[]: one label or more; null for all"),
        (("run=RUN", "seeds=3"), "seeds=3: the run has its own plan"),
        (("run=RUN", "dataset.root=/nowhere"), "dataset.root"),
        (("run=nothere",), "run=nothere: there is no such folder"),
    ],
)
def test_what_cannot_be_looked_into_is_refused(pictures_run, refusal, words, said):
    words = [word.replace("RUN", str(pictures_run)) for word in words]
    assert said in refusal("study=interpret", *words)


def test_a_run_without_weights_is_refused_with_what_writes_them(vectors_run, tmp_path, refusal):
    run = shutil.copytree(vectors_run, tmp_path / "run")
    (run / "weights.json").unlink()
    assert "has no weights of trained rows" in refusal("study=interpret", f"run={run}")


@pytest.mark.parametrize("study", ["power", "list", "export", "learning_curve"])
def test_a_study_that_shows_no_rows_takes_no_lens(refusal, study):
    said = refusal(f"study={study}", "lens=[tsne]")
    assert said.startswith("qtlrun: lens=[tsne]: this study looks at no rows through lenses; ")


QUICK = ("backbone=identity", "recipe.epochs=1", "circuit.qubits=2", "circuit.depth=1", *TSNE)


def test_a_comparison_ends_with_its_lenses(tmp_path):
    folder = train(tmp_path, *QUICK, "compare=[twin]", "seeds=1")
    text = (folder / "table.md").read_text()
    assert text.index("| twin |") < text.index("## tsne")
    assert all((folder / name).is_file() for name in [*FILES, "rows.csv", "weights.json"])
    assert "1 training a row" in " ".join(text.split())


@pytest.mark.parametrize("words", [("splits=3", "seeds=1"), ("folds=3", "seeds=1")])
def test_several_divisions_are_looked_at_each_with_its_own_items(tmp_path, words):
    folder = train(tmp_path, *QUICK, "compare=[C]", "dataset=moons", *words)
    numbers = pd.read_csv(folder / "tsne.csv")
    assert sorted(numbers["split"].unique()) == [0, 1, 2]
    again = interpret(folder, tmp_path, *TSNE)
    assert (again / "tsne.csv").read_bytes() == (folder / "tsne.csv").read_bytes()


def test_each_point_of_a_sweep_has_its_sections_in_its_folder(tmp_path):
    folder = train(tmp_path, "-m", *QUICK, "compare=[]", "seeds=1", "recipe.lr=0.1,0.2")
    for number in (0, 1):
        point = folder / f"point-{number}"
        assert all((point / name).is_file() for name in FILES)
        assert (point / "table.md").read_text().startswith("## tsne\n")
    assert "## tsne" not in (folder / "table.md").read_text()


def test_a_plan_with_lenses_runs_again_with_and_without_them(tmp_path, programs):
    folder = train(tmp_path, *QUICK, "compare=[]", "seeds=1")
    again = train(tmp_path, f"plan={folder}", "lens.tsne.items=11")
    assert len(pd.read_csv(again / "tsne_points.csv").query("layer == 'logits'")) == 11
    without = train(tmp_path, f"plan={folder}", "lens=[]")
    assert not (without / "tsne.csv").exists()
    chosen = train(tmp_path, f"plan={without}", "lens=[tsne]", "lens.tsne.items=10")
    assert (chosen / "tsne.csv").is_file()
    plan = yaml.safe_load((without / "plan.yaml").read_text())
    del plan["lens"]  # as plans had none before there were lenses
    (without / "plan.yaml").write_text(yaml.safe_dump(plan))
    earlier = train(tmp_path, f"plan={without}")
    assert not (earlier / "tsne.csv").exists()
    assert programs == [1]  # all rows but the first time come from the store


def test_a_sealed_plan_may_be_looked_at_through_any_lens(tmp_path):
    words = ("backbone=identity", "recipe.epochs=1", "circuit.qubits=2", "circuit.depth=1")
    words = (*words, "compare=[twin]", "seeds=1")
    sealed = train(tmp_path, *words, "study=preregister", "lens=[tsne]")
    for lenses in (TSNE, ("lens=[]",)):
        folder = train(tmp_path, *words, f"seal={sealed}", *lenses)
        assert (folder / "tsne.csv").exists() == (lenses == TSNE)


def test_a_failed_lens_leaves_the_table_whole_and_ends_with_1(tmp_path, monkeypatch, capsys):
    from qtlrun.lens import tsne

    monkeypatch.setattr(tsne, "embed", lambda *_, **__: 1 / 0)
    words = [*QUICK, "compare=[]", "seeds=1", f"home={tmp_path / 'home'}"]
    assert main([*words, f"outputs={tmp_path / 'outputs'}"]) == 1
    assert "tsne: error: ZeroDivisionError: division by zero." in capsys.readouterr().out
    (folder,) = tmp_path.glob("outputs/*/*")
    assert (folder / "rows.csv").is_file() and not (folder / "tsne.csv").exists()
    assert "ZeroDivisionError" in (folder / "log.txt").read_text()


def test_keys_of_rows_do_not_depend_on_lenses(home):
    from composition import compose_plan

    from qtlrun.experiment.key import row_keys
    from qtlrun.experiment.parts import Parts
    from qtlrun.experiment.session import Session

    keys = [
        row_keys(Parts(compose_plan("backbone=identity", lens).model, Session(str(home))), [0])
        for lens in ("lens=[]", "lens=[tsne]")
    ]
    assert keys[0] == keys[1] and keys[0]


@pytest.mark.parametrize(
    "word, key",
    [
        ("lens.saliency.target=zebra", "lens.saliency.target=zebra: "),
        ("lens.dream.classes=[zebra]", "lens.dream.classes=zebra: there is no such class"),
    ],
)
def test_a_class_that_is_not_there_is_refused_before_anything_is_trained(
    tmp_path, capsys, word, key
):
    words = [*QUICK[:4], "lens=[saliency,dream]", word, "compare=[]", "seeds=1"]
    places = [f"home={tmp_path / 'home'}", f"outputs={tmp_path / 'outputs'}"]
    assert main([*words, *places]) == 2
    out, err = capsys.readouterr()
    assert key in err and "epochs" not in out and not (tmp_path / "outputs").exists()
