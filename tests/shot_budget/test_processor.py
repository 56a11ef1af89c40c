"""Time of a preparation, added up by hand."""

import pennylane as qml
import pytest
from circuits import Circuit
from composition import compose_plan

from qtlrun.device.statevector import Statevector
from qtlrun.error import BadValue
from qtlrun.shot_budget.curve import Curve, Outlook, list_rations
from qtlrun.shot_budget.machine import ENERGIES, UNITS, describe_machines, scale
from qtlrun.shot_budget.processor import Processor, count_gates
from qtlrun.shot_budget.ration import TRAINED, Expense

TIMES = {"single": 1.0, "double": 10.0, "readout": 100.0, "reset": 1000.0, "power": 2.0}


@pytest.fixture
def reading():
    """Rotations of two wires at once, one on the pair, one on a third wire, and a pair again."""

    def function(inputs, weights):
        qml.RY(inputs[0], 0)
        qml.RY(inputs[0], 1)
        qml.CNOT([0, 1])
        qml.RX(weights[0], 2)
        qml.CNOT([1, 2])
        return [qml.expval(qml.PauliZ(2))]

    return Statevector().run(Circuit(function, 3, (1,), inputs=1)).reading


def test_gates_are_counted_by_their_wires(reading):
    assert count_gates(reading) == (3, 2)


def test_gates_at_once_take_the_time_of_the_longest_path(reading):
    """A rotation, then both CNOTs: 1 + 10 + 10."""
    microseconds = Processor(parallel=True, **TIMES).seconds(reading) * 1e6
    assert microseconds == pytest.approx(1121)


def test_gates_in_turn_take_the_time_of_all(reading):
    microseconds = Processor(parallel=False, **TIMES).seconds(reading) * 1e6
    assert microseconds == pytest.approx(3 * 1 + 2 * 10 + 1100)


def test_energy_is_power_times_time():
    assert Processor(parallel=True, **TIMES).joules(3.0) == 6000


@pytest.mark.parametrize("name", ["single", "double", "readout", "reset", "power"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_time_that_cannot_be_is_refused(name, value):
    with pytest.raises(BadValue) as error:
        Processor(parallel=True, **TIMES | {name: value})
    assert error.value.key == name


def test_a_preparation_takes_time():
    with pytest.raises(BadValue, match="readout or reset takes time"):
        Processor(parallel=True, **TIMES | {"readout": 0, "reset": 0})


@pytest.mark.parametrize(
    "seconds, words", [(0.0005, "0.5 ms"), (1, "1 s"), (5400, "1.5 h"), (4e8, "12.7 y")]
)
def test_times_are_written_in_the_largest_unit(seconds, words):
    assert scale(seconds, UNITS) == words


def test_energies_are_written_in_the_largest_unit():
    assert scale(649e6, ENERGIES) == "649 MJ"


def test_the_first_budget_of_the_whole_recipe_is_shown_beside_both_ends(reading):
    """Of ten shots an execution 1,100 pay for one epoch of five, 5,100 for all."""
    plan = compose_plan("compare=[]")
    budgets = [109, 1100, 2100, 5100, 10_200, 51_000]
    expense = Expense(epoch=100, once=10, epochs=(1, 2, 3, 4, 5))
    curve = Curve(plan.composed, TRAINED, expense, list_rations(budgets, expense, 10), {})
    outlook = Outlook(plan, budgets, plan.redraws, [curve])
    machines = {"fast": Processor(parallel=True, **TIMES)}
    columns = describe_machines(outlook, (plan.composed, reading), machines).table.columns
    shown = [f"{budget} preparations" for budget in ("1,100", "5,100", "51,000")]
    assert columns[3:].tolist() == shown
