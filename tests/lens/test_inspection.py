"""Inspection of a finished run by lenses of the user's: sections, failures, refusals."""

import pytest
import torch
from scenes import plan_of

from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.lens import build_lenses, inspect

PROBES = """
from matplotlib.figure import Figure

import pandas as pd
import torch

from qtlrun.error import BadValue
from qtlrun.lens.view import View


class Seeds:
    def __init__(self, shift: float):
        self.shift = shift

    def view(self, scene):
        view = View()
        for number, (label, subjects) in enumerate(scene.trainings.items()):
            for subject in subjects:
                view.read(subject, "seed", subject.seed + number * self.shift)
        view.frames["order"] = pd.DataFrame({"row": [*scene.trainings]})
        view.figures[""] = Figure()
        view.figures["other"] = Figure()
        return view


class Broken:
    def view(self, scene):
        raise RuntimeError("no light")


class Refusing:
    def view(self, scene):
        raise BadValue("classes", "zebra", "there is no such class")


class Threaded:
    def view(self, scene):
        torch.set_num_threads(3)
        return View()


class Blind:
    pass
"""


@pytest.fixture
def look(vectors_run, tmp_path):
    """Inspection of the run on points through probes by name, and their values."""
    file = tmp_path / "probes.py"
    file.write_text(PROBES)

    def inspect_by(*names, rows=None, strict=False, **values):
        lens = {name: {"_target_": f"probes.{name}"} for name in names}
        for name, more in values.items():
            lens[name] |= more
        plan = plan_of(vectors_run).changed({"lens": lens, "plugins": [str(file)]})
        return inspect(plan, Experiment(plan.settings.home), rows, strict=strict)

    return inspect_by


def words(section):
    return " ".join(note.full for note in section.notes)


def test_a_section_has_the_numbers_of_each_training_and_the_rows_side_by_side(look):
    (section,) = look("Seeds", Seeds={"shift": 5.0})
    numbers = section.frames["Seeds"]
    assert len(numbers) == 6 * 3 and set(numbers["measure"]) == {"seed"}
    spreads = section.frames["Seeds_rows"].set_index("row")
    assert spreads["mean"].tolist() == [1 + 5 * number for number in range(6)]
    assert (spreads["deviation"] == 1).all() and spreads["differs"].dropna().all()
    assert section.frames["Seeds_order"]["row"].tolist() == [*spreads.index]
    assert [*section.figures] == ["Seeds", "Seeds_other"] and not section.is_failed
    assert "differs by more than trainings of one row do" in words(section)
    assert "in 5 of 5 numbers" in words(section)


def test_rows_that_differ_by_less_than_their_trainings_are_not_called_different(look):
    (section,) = look("Seeds", Seeds={"shift": 0.1})
    assert "in none of 5 numbers does composed differ" in words(section)


def test_the_composed_row_comes_first_and_rows_that_are_not_asked_for_are_left_out(look):
    (section,) = look("Seeds", Seeds={"shift": 0.0}, rows=["twin", "composed"])
    assert section.frames["Seeds_order"]["row"].tolist() == ["composed", "twin"]
    (alone,) = look("Seeds", Seeds={"shift": 0.0}, rows=["twin"])
    assert "no number is compared between rows" in words(alone)


def test_a_lens_that_raises_costs_its_section_and_the_others_go_on(look):
    broken, whole = look("Broken", "Seeds", Seeds={"shift": 0.0})
    assert broken.is_failed and words(broken) == "Broken: error: RuntimeError: no light."
    assert not broken.frames and not whole.is_failed


def test_a_value_that_the_rows_cannot_have_is_refused_by_its_key_or_costs_the_section(look):
    with pytest.raises(UsageError) as error:
        look("Refusing", strict=True)
    assert (error.value.key, error.value.value) == ("lens.Refusing.classes", "zebra")
    (section,) = look("Refusing")
    assert section.is_failed
    assert words(section) == "Refusing: lens.Refusing.classes=zebra: there is no such class."


def test_a_lens_leaves_torchs_threads_as_they_were(look):
    threads = torch.get_num_threads()
    look("Threaded")
    assert torch.get_num_threads() == threads


def test_a_lens_of_the_users_without_a_view_is_refused(look):
    with pytest.raises(UsageError) as error:
        look("Blind")
    assert error.value.key == "lens.Blind" and "view" in str(error.value)


@pytest.mark.parametrize(
    "name, value",
    [("items", 0), ("neighbours", 0), ("trainings", -1), ("perplexity", 0.0), ("items", "many")],
)
def test_a_value_that_a_lens_cannot_have_is_refused_with_its_key(vectors_run, name, value):
    plan = plan_of(vectors_run, "lens=[tsne]")
    lens = {"tsne": plan.lenses["tsne"] | {name: value}}
    with pytest.raises(UsageError) as error:
        build_lenses(plan.changed({"lens": lens}))
    assert error.value.key == f"lens.tsne.{name}"


@pytest.mark.parametrize("name", ["saliency", "dream", "tsne", "manifold", "landscape"])
def test_a_negative_seed_of_a_lens_is_refused_with_its_key(vectors_run, name):
    plan = plan_of(vectors_run, f"lens=[{name}]")
    lens = {name: plan.lenses[name] | {"seed": -1}}
    with pytest.raises(UsageError) as error:
        build_lenses(plan.changed({"lens": lens}))
    assert error.value.key == f"lens.{name}.seed"
