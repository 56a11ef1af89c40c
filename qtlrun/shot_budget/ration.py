"""Rations: shots and epochs that a budget of preparations pays for."""

from bisect import bisect_right
from dataclasses import dataclass, replace
from decimal import Decimal

from qtlrun.contract import Backbone
from qtlrun.experiment.cost import count_circuits
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.sequence import count_epochs
from qtlrun.plan import Part

TRAINED = "trained"
TESTED = "tested"
REFITTED = "refitted"
# What is done with shots, by scheme
SCHEMES = {
    TRAINED: "training, validation and test with shots",
    TESTED: "trained exactly on a simulator, tested with shots",
    REFITTED: "the same circuit, its linear readout refitted to outputs measured once",
}


@dataclass(frozen=True)
class Expense:
    """Preparations of one training at one shot of each execution.

    epoch: of each epoch, its gradients and its validation
    once: of what is measured once, as the test items are
    epochs: that run the circuit, by the epochs of the recipe from 1 to its own; empty where nothing
        is paid by epochs
    key: value of the variant that has the shots
    """

    epoch: int
    once: int
    epochs: tuple[int, ...] = ()
    key: str = "device.shots"


@dataclass(frozen=True)
class Ration:
    """Shots and epochs that a budget pays for, and how many preparations they are.

    epochs: of the recipe; None where nothing is paid by epochs
    """

    budget: int
    shots: int
    epochs: int | None
    spent: int
    key: str

    @property
    def change(self) -> Part:
        """Values of the variant that it trains and measures with."""
        values: Part = {self.key: self.shots}
        return values if self.epochs is None else values | {"recipe.epochs": self.epochs}


def ration(budget: int, expense: Expense, fewest: int) -> Ration | None:
    """Ration of a budget; None where it does not pay for one epoch and the test.

    Every execution has as many shots. Where the recipe costs more than the budget at the fewest
    shots, its epochs are cut.
    """
    whole = expense.once + (expense.epochs[-1] * expense.epoch if expense.epochs else 0)
    shots = max(budget // whole, fewest)
    if not expense.epochs:
        spent = shots * whole
        return Ration(budget, shots, None, spent, expense.key) if spent <= budget else None
    left = budget // shots - expense.once
    epochs = bisect_right(expense.epochs, left // expense.epoch)
    if epochs < 1:
        return None
    spent = shots * (expense.once + expense.epochs[epochs - 1] * expense.epoch)
    return Ration(budget, shots, epochs, spent, expense.key)


def shorten(budget: float, digits: int = 0) -> str:
    """Budget as 1.5e4: with so many digits, or with all that a whole number has."""
    number = Decimal(f"{budget:.{digits}g}" if digits else int(budget))
    return f"{number.normalize():e}".replace("e+", "e")


def find_expenses(parts: Parts) -> dict[str, Expense]:
    """Expense of a row by scheme; none of a row that prepares no state."""
    sizes = {name: len(split) for name, split in parts.dataset.splits.items()}
    items = sum(sizes.values())
    backbone: Backbone = parts.bare
    if backbone.shots is not None and parts.variant.has("backbone.shots"):
        return {TRAINED: Expense(0, items, key="backbone.shots")}
    head = parts.head(parts.bare.features, [0])
    if parts.generated or not count_circuits(head, 0, sizes):
        return {}
    each = head.circuits * head.bases
    if parts.solved:
        return {TRAINED: Expense(0, items * each)}
    tested = count_circuits(head, 0, sizes)["executions"]
    epoch = count_circuits(head, 1, sizes)["executions"] - tested
    expenses = {
        TRAINED: Expense(epoch, tested, _count_paid(parts)),
        TESTED: Expense(0, tested),
    }
    # Validation chooses the penalty of the readout, which the test split may not
    is_blind = parts.dataset.validation is not parts.dataset.test
    if is_blind and head.encode is not None and head.activations is not None:
        expenses[REFITTED] = Expense(0, items * each)
    return expenses


def _count_paid(parts: Parts) -> tuple[int, ...]:
    """Epochs that run the circuit, of a recipe of 1 epoch, of 2 and so on up to its own."""
    *earlier, _ = count_epochs(parts)
    recipes = [replace(parts.recipe, epochs=1 + count) for count in range(parts.epochs)]
    return tuple(each.epochs - (each.twin_epochs if earlier else 0) for each in recipes)
