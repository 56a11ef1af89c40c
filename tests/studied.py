"""Fixtures: a study of a small plan, run as the command does."""

import io
from types import SimpleNamespace

import composition
import pytest
from rich.console import Console
from rows import random_logits, row


def trained(label, plan, seeds):
    """A row of four classes and forty pictures, in the place of one that was trained."""
    logits, labels = random_logits(len(seeds), number=sum(map(ord, label)))
    pictures = tuple(f"ants/{number}.png" for number in range(len(labels)))
    return row(label, logits, labels, seeds, said={"pictures": pictures})


def run(place, points, outcome=trained):
    """Compare these points, a list of overrides each, with `outcome` for training; what it said,
    wrote and gave.
    """
    from qtlrun.experiment import Experiment
    from qtlrun.study.compare import Compare

    jobs = [
        composition.job(f"home={place}", *words) | {"command": ["qtlrun", *words]}
        for words in points
    ]
    experiment = Experiment(str(place))

    def make(label, plan, seeds, reader="", draws=None):
        made = outcome(label, plan, seeds)
        experiment.session.step(label, 1, 1)
        return made

    experiment.row = make
    found = SimpleNamespace(jobs=jobs, out=place / "out", rows=None, well=None, error=None)
    found.out.mkdir(parents=True)
    console = Console(file=io.StringIO(), width=100)
    try:
        found.rows, found.well = Compare(margin=0.05, shots=1024).run(
            jobs, found.out, experiment, console
        )
    except BaseException as error:
        found.error = error
    found.said = console.file.getvalue()
    found.files = sorted(
        path.relative_to(found.out).as_posix() for path in found.out.rglob("*") if path.is_file()
    )
    return found


@pytest.fixture
def compare(tmp_path, home, monkeypatch):
    """The same, where figures are not drawn, which would take the longest."""
    from qtlrun.report import figure

    monkeypatch.setattr(figure, "encode", lambda drawn, kind: b"drawn")
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
    from qtlrun import plan as plans
    from qtlrun.compose.check import check
    from qtlrun.report import figure

    drawn = []
    monkeypatch.setattr(figure, "encode", lambda made, kind: drawn.append(made) or b"drawn")

    def study(*words, place=home, **values):
        job, out = (
            composition.plan_of(place, *words, **values),
            tmp_path / f"out-{len(list(tmp_path.glob('out-*')))}",
        )
        console = Console(file=io.StringIO(), width=100)
        experiment, made = check([job]), plans.build("study", job["study"], job["plugins"])
        out.mkdir()
        drawn.clear()
        frame, well = made.run([job], out, experiment, console)
        said = " ".join(console.file.getvalue().split())
        files = sorted(
            path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()
        )
        return SimpleNamespace(
            job=job, frame=frame, well=well, said=said, out=out, files=files, figures=drawn[::2]
        )

    return study


@pytest.fixture
def refusal(home, monkeypatch):
    """What a study of a small plan is refused with before anything is trained; `points` are the
    words of several.
    """
    from qtlrun import train
    from qtlrun.compose.check import check
    from qtlrun.plan import Refused

    monkeypatch.setattr(train, "fit", None)

    def refuse(*words, points=((),), **values):
        with pytest.raises(Refused) as error:
            check([composition.plan_of(home, *words, *more, **values) for more in points])
        return str(error.value)

    return refuse
