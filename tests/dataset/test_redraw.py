import pytest
from composition import compose_plan, options

from qtlrun.experiment import Experiment

# Modules of the datasets that neither fetch a file nor read one of the user's
OFFLINE = ("coherent", "digits", "gaussian", "iris", "moons", "spirals", "square")


@pytest.mark.parametrize("preset", options("experiment"))
def test_the_data_of_a_preset_are_divided_for_every_seed(preset, tmp_path):
    plan = compose_plan(f"experiment={preset}", "seeds=2", f"home={tmp_path}")
    module = plan.model.target("dataset").split(".")[-2]
    if module not in OFFLINE or "split_seed" not in plan.model.dataset:
        pytest.skip("its items are not at hand, or come divided")
    experiment = Experiment(plan.settings.home, plan.settings.fresh)
    divisions = [
        experiment.dataset(plan.model.redrawn(redraw.change)).fingerprint for redraw in plan.redraws
    ]
    is_published = module == "spirals" and plan.model.dataset["draw"] == "mari2019"
    assert len(divisions) == 2 and len(set(divisions)) == 2 - is_published
