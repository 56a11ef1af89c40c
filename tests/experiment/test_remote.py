import pytest
from composition import check, short_plan

from qtlrun.error import UsageError
from qtlrun.experiment import Experiment

REMOTE = ("device=default.qubit", "device.remote=true", "device.shots=100")
# Dressed(2, 1) has 4 rotations by inputs or trained weights: 1 + 2 * 4 executions a gradient.
GRADIENT = 9


class Listener:
    def __init__(self):
        self.lines = []

    def step(self, stage, done, total):
        pass

    def say(self, line):
        self.lines.append(line)

    def trace(self):
        pass


def executions(experiment, plan):
    """Of all trainings of the composed row, counted by hand."""
    sizes = {name: len(split) for name, split in experiment.dataset(plan.model).splits.items()}
    gradients = sizes["train"] * GRADIENT * plan.model.recipe["epochs"]
    looks = sizes["validation"] * plan.model.recipe["epochs"] + sizes["test"]
    return len(plan.seeds) * (gradients + looks)


def test_a_device_elsewhere_is_refused_with_what_the_plan_would_send_it(home):
    plan = short_plan(home, *REMOTE, "compare=[C]", "seeds=3")
    count = executions(Experiment(str(home)), plan)
    with pytest.raises(UsageError) as error:
        check(plan)
    assert error.value.key == "device.name"
    assert f"{count:,} executions of 100 shots, {100 * count:,} in all" in error.value.reason
    assert "device.allow_remote=true" in error.value.fix


def test_where_it_is_allowed_the_numbers_of_all_rows_and_points_are_shown_first(home):
    words = (*REMOTE, "device.allow_remote=true", "compare=[frozen_circuit]")
    plans = [short_plan(home, *words, f"recipe.lr={rate}") for rate in (0.1, 0.2)]
    listener = Listener()
    experiment = Experiment(str(home), progress=listener)
    experiment.check_remote(plans)
    (line,) = listener.lines
    trained = executions(experiment, plans[0])
    # a frozen circuit's gradient is that by its inputs alone
    frozen = (
        trained
        - len(plans[0].seeds)
        * 4
        * len(experiment.dataset(plans[0].model).train)
        * plans[0].model.recipe["epochs"]
    )
    assert line.startswith(f"default.qubit is sent {2 * (trained + frozen):,} executions of 100")


def test_a_simulator_here_is_sent_nothing_elsewhere(home):
    listener = Listener()
    Experiment(str(home), progress=listener).check_remote([short_plan(home, "compare=[C]")])
    assert not listener.lines


@pytest.mark.parametrize(
    "words",
    [
        ("circuit.copies=2", "circuit.readout=paulis"),
        ("head=post_variational", "recipe.epochs=3"),
    ],
)
def test_the_executions_announced_and_planned_are_those_of_the_run(studied, home, words):
    """Of copies in several bases, and of a head that is solved once whatever the epochs."""
    words = (*words, "compare=[]")
    run = studied(*words).frame
    executions = int(run[run["metric"] == "executions"]["value"].sum())
    assert studied(*words, "study=plan").frame["executions"].tolist() == [executions]
    listener = Listener()
    remote = short_plan(home, *REMOTE, "device.allow_remote=true", *words)
    Experiment(str(home), progress=listener).check_remote([remote])
    assert listener.lines[0].startswith(f"default.qubit is sent {executions:,} executions of 100")


def test_equal_draws_of_tuning_are_announced_once(home):
    """Twelve draws of one of two scalings are two trainings of each seed."""
    counts = []
    for tune in (0, 12):
        words = (*REMOTE, "device.allow_remote=true", "compare=[]", "recipe.scale=none")
        plan = short_plan(home, *words, f"tune={tune}")
        space = {"scale": ["none", "standard"]}
        plan = plan.changed({"recipe.space": space, "head.space": {}})
        listener = Listener()
        Experiment(str(home), progress=listener).check_remote([plan])
        counts.append(int(listener.lines[0].split()[3].replace(",", "")))
    assert counts[1] == 2 * counts[0] > 0


def test_a_plan_that_is_counted_sends_nothing(home, monkeypatch, studied):
    def send(*_):
        raise AssertionError("a circuit was sent")

    monkeypatch.setattr("pennylane.devices.DefaultQubit.execute", send)
    words = (*REMOTE, "device.allow_remote=true", "compare=[]", "study=plan")
    assert studied(*words).frame["executions"].item() > 0
