"""Fixtures: a study of a small plan, run as the command does."""

import dataclasses
import io
from types import SimpleNamespace

import composition
import pytest
from figures import leave_undrawn
from rich.console import Console
from rows import random_logits, row

FILES = {"png": b"drawn", "svg": b"drawn"}  # of a figure, in place of the encoded ones


def trained(label, plan, seeds):
    """A row of four classes and forty pictures, in the place of one that was trained."""
    logits, labels = random_logits(len(seeds), number=sum(map(ord, label)))
    pictures = tuple(f"ants/{number}.png" for number in range(len(labels)))
    return row(label, logits, labels, seeds, said={"pictures": pictures})


def run(place, points, outcome=trained):
    """Compare these points, a list of overrides each, with `outcome` for training; what it said,
    wrote and gave.
    """
    from qtlrun.comparison.comparison import Stopped
    from qtlrun.experiment import Experiment
    from qtlrun.report.progress import Progress
    from qtlrun.report.report import Report
    from qtlrun.study.compare import Compare

    plans = [composition.compose_plan(f"home={place}", "splits=1", *words) for words in points]
    plans = [
        dataclasses.replace(plan, values=plan.values | {"command": ["qtlrun", *words]})
        for plan, words in zip(plans, points, strict=True)
    ]
    console = Console(file=io.StringIO(), width=100)
    progress = Progress(console)
    experiment = Experiment(str(place), progress=progress)

    def make(label, variant, redraws, *, reader=""):
        made = [outcome(label, variant, redraw.seeds) for redraw in redraws]
        progress.step(label, 1, 1)
        return made

    experiment.train = make
    found = SimpleNamespace(plans=plans, out=place / "out", rows=None, well=None, error=None)
    found.out.mkdir(parents=True)
    try:
        with Report(found.out, progress) as report:
            study = Compare(margin=0.05, shots=1024, surrogates=False)
            found.rows, found.well = study.run(plans, experiment, report)
    except Stopped as stop:
        found.error = stop.reason
    except BaseException as error:
        found.error = error
    found.said = console.file.getvalue().rpartition("Written to")[0]
    found.files = sorted(
        path.relative_to(found.out).as_posix() for path in found.out.rglob("*") if path.is_file()
    )
    return found


@pytest.fixture
def compare(tmp_path, home, monkeypatch):
    """The same, where figures are not drawn, which would take the longest."""
    leave_undrawn(monkeypatch, lambda drawing: FILES)
    return lambda points, outcome=trained: run(tmp_path / "run", points, outcome)


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """A comparison of A with B and twin, for the tests that only read what it wrote; a secret is in
    the environment.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
        patch.setenv("QTLRUN_HOME", "/planted/home")
        return run(tmp_path_factory.mktemp("once"), [["compare=[B,twin]", "seeds=2"]])


@pytest.fixture
def studied(home, tmp_path, monkeypatch):
    """A study of a small plan, checked and run as the command does: what it said, its frame, its
    files, its figures.
    """
    from qtlrun.compose.check import check_models, check_words
    from qtlrun.contract.part import build_part
    from qtlrun.experiment import Experiment
    from qtlrun.report.progress import Progress
    from qtlrun.report.report import Report

    drawn = []
    leave_undrawn(monkeypatch, lambda made: drawn.append(made) or FILES)

    def study(*words, place=home, **values):
        plan = composition.short_plan(place, *words, **values)
        out = tmp_path / f"out-{len(list(tmp_path.glob('out-*')))}"
        console = Console(file=io.StringIO(), width=100)
        progress = Progress(console)
        check_words([plan])
        experiment = Experiment(plan.settings.home, plan.settings.fresh, progress)
        made = build_part("study", plan.study, plan.settings.plugins)
        plans = check_models([plan], made, experiment)
        out.mkdir()
        drawn.clear()
        with Report(out, progress) as report:
            frame, well = made.run(plans, experiment, report)
        said = " ".join(console.file.getvalue().rpartition("Written to")[0].split())
        files = sorted(
            path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()
        )
        return SimpleNamespace(
            plan=plan, frame=frame, well=well, said=said, out=out, files=files, figures=list(drawn)
        )

    return study


@pytest.fixture
def refusal(home, monkeypatch):
    """What a study of a small plan is refused with before anything is trained; `points` are the
    words of several.
    """
    from qtlrun import train
    from qtlrun.error import UsageError

    monkeypatch.setattr(train, "fit", None)

    def refuse(*words, points=((),), **values):
        with pytest.raises(UsageError) as error:
            composition.check(
                *(composition.short_plan(home, *words, *more, **values) for more in points)
            )
        return str(error.value)

    return refuse
