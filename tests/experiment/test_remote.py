import pytest
from composition import check, short_plan
from finished import predict, train
from pennylane.devices import DefaultQubit
from PIL import Image

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


def test_each_number_of_shots_is_announced_for_itself(home):
    words = ("device=default.qubit", "device.remote=true", "device.allow_remote=true", "compare=[]")
    plans = [short_plan(home, *words, f"device.shots={shots}") for shots in (100, 7)]
    listener = Listener()
    experiment = Experiment(str(home), progress=listener)
    experiment.check_remote(plans)
    count = executions(experiment, plans[0])
    assert sorted(listener.lines) == [
        f"default.qubit is sent {count:,} executions of {shots} shots, {shots * count:,} in all,"
        " less what the store has."
        for shots in (100, 7)
    ]


def test_a_point_that_may_send_lets_no_other_do_so(home):
    words = (*REMOTE, "compare=[]")
    plans = [short_plan(home, *words, f"device.allow_remote={may}") for may in ("false", "true")]
    listener = Listener()
    with pytest.raises(UsageError):
        Experiment(str(home), progress=listener).check_remote(plans)
    assert not listener.lines


@pytest.mark.parametrize(
    ("words", "bases"), [((), 1), (("head=post_variational", "head.locality=1"), 3)]
)
def test_what_is_announced_is_what_is_sent(monkeypatch, home, words, bases):
    """default.qubit takes a circuit in all its bases at once."""
    sent = []
    execute = DefaultQubit.execute

    def send(self, circuits, *rest, **others):
        sent.extend(each for each in circuits if each.shots)
        return execute(self, circuits, *rest, **others)

    monkeypatch.setattr(DefaultQubit, "execute", send)
    words = (
        *REMOTE,
        "device.allow_remote=true",
        "recipe.epochs=1",
        "compare=[]",
        "seeds=1",
        *words,
    )
    plan = short_plan(home, *words)
    listener = Listener()
    experiment = Experiment(str(home), progress=listener)
    experiment.check_remote([plan])
    comparison = experiment.compare(plan)
    assert not comparison.errors
    assert int(listener.lines[0].split()[3].replace(",", "")) == bases * len(sent)


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
    """Of copies in several bases, and of a head that is solved once whatever the epochs.

    Its loss is of items that are measured a second time.
    """
    words = (*words, "compare=[]")
    run = studied(*words).frame
    executions = int(run[run["metric"] == "executions"]["value"].sum())
    assert studied(*words, "study=plan").frame["executions"].tolist() == [executions]
    listener = Listener()
    remote = short_plan(home, *REMOTE, "device.allow_remote=true", *words)
    experiment = Experiment(str(home), progress=listener)
    experiment.check_remote([remote])
    if "head=post_variational" in words:
        sizes = {
            name: len(split) for name, split in experiment.dataset(remote.model).splits.items()
        }
        again = sizes["train"] + sizes["validation"]
        executions = executions * (again + sum(sizes.values())) // sum(sizes.values())
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


def test_what_only_looks_at_a_model_sends_nothing(home, monkeypatch, studied, tmp_path):
    """Predictions, lenses and a diagnosis simulate here what was trained elsewhere."""
    short = ("circuit.qubits=2", "circuit.depth=1", "recipe.epochs=1", "seeds=1", "compare=[]")
    allowed = (*REMOTE, "device.allow_remote=true", "experiment=smoke", "dataset.train=6")
    run = train(tmp_path, *allowed, *short)

    execute = DefaultQubit.execute

    def send(self, circuits, *rest, **others):
        assert not any(each.shots for each in circuits)  # without shots it is the simulator here
        return execute(self, circuits, *rest, **others)

    monkeypatch.setattr(DefaultQubit, "execute", send)
    picture = tmp_path / "digit.png"
    Image.new("L", (8, 8)).save(picture)
    predictions = predict(tmp_path, f"run={run}", f"images={picture}")
    assert "default.qubit is elsewhere" in (predictions / "log.txt").read_text()
    train(tmp_path, "study=interpret", f"run={run}", "lens=[saliency]", "lens.saliency.items=2")
    studied(*REMOTE, "study=diagnose")
