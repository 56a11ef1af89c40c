"""What follows from a plan is worked out once, whoever asks."""

from collections import Counter

import pytest
from composition import SMALL

from qtlrun.compose import main
from qtlrun.plan import Plan
from qtlrun.plan import plan as module


@pytest.fixture
def counted(monkeypatch, tmp_path, undrawn):
    """How often references are derived, rows labelled and draws made."""
    calls = Counter()

    def watch(owner, name):
        original = getattr(owner, name)

        def called(*given):
            calls[name] += 1
            return original(*given)

        monkeypatch.setattr(owner, name, called)

    watch(module, "References")
    watch(module, "label")
    watch(module, "list_redraws")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QTLRUN_HOME", str(tmp_path / "home"))
    return calls


@pytest.mark.parametrize("points", [1, 2])
def test_a_run_derives_references_labels_and_draws_once_a_plan(counted, points):
    sweep = ["-m", "recipe.lr=0.1,0.2", "~recipe.space.lr"] if points > 1 else []
    assert main([*SMALL, "compare=[C]", "seeds=2", "splits=1", "tune=2", *sweep]) == 0
    assert dict(counted) == {"References": points, "label": points, "list_redraws": points}


def test_a_changed_plan_is_another_and_leaves_the_first():
    values = {"dataset": {"train": 3}, "seeds": 2}
    changed = Plan(values).changed({"dataset.train": 5, "seeds": 4})
    assert changed.values == {"dataset": {"train": 5}, "seeds": 4}
    assert values == {"dataset": {"train": 3}, "seeds": 2}
