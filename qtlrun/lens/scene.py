"""Scene: trainings of several rows, side by side, before a lens."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from qtlrun.dataset.dataset import Dataset
from qtlrun.dataset.split import Split
from qtlrun.error import BadValue
from qtlrun.experiment.session import Monitor
from qtlrun.experiment.subject import Subject
from qtlrun.plan.setting import MAX_NUMPY_SEED


@dataclass(frozen=True)
class Scene:
    """Rows of a finished run.

    trainings: of each row by split and seed, by label; the composed row is the first
    composed: label of the composed row
    monitor: is told of the progress
    """

    trainings: dict[str, list[Subject]]
    composed: str
    monitor: Monitor

    @property
    def firsts(self) -> dict[str, Subject]:
        """Training of each row that the figures show: the first seed and split that all rows have.

        Where they share none, as where some failed, it is the first of each.
        """
        rows = list(self.trainings.values())
        common = {subject.name for subject in rows[0]}
        for subjects in rows[1:]:
            common &= {subject.name for subject in subjects}
        firsts = {}
        for label, subjects in self.trainings.items():
            shared = [subject for subject in subjects if subject.name in common]
            firsts[label] = (shared or subjects)[0]
        return firsts

    @property
    def dataset(self) -> Dataset:
        """Dataset of the first trainings, whose items the figures show."""
        return next(iter(self.firsts.values())).dataset

    def take(self, light: int, large: int) -> dict[str, list[Subject]]:
        """The first trainings of each row, whose numbers are compared.

        light: of a row whose backbone is frozen, so that trainings share it, or small
        large: of a row whose trainings each have a large backbone of their own
        """
        return {
            label: subjects[: light if subjects[0].is_light else large]
            for label, subjects in self.trainings.items()
        }


def find_common(subjects: Sequence[Subject]) -> set[str]:
    """Hashes of the items that are test items of all trainings."""
    tests = {subject.number: set(subject.split("test").items) for subject in subjects}
    return set.intersection(*tests.values())


def take_items(subject: Subject, count: int) -> Split:
    """So many test items of a training, one of each class in turn."""
    return subject.split("test").subset(choose_items(subject.dataset, count))


def choose_items(dataset: Dataset, count: int, among: Collection[str] | None = None) -> list[int]:
    """Indices of test items, one of each class in turn, in their order.

    among: hashes of the items that are chosen from; None: all
    """
    by_class: list[list[int]] = [[] for _ in dataset.classes]
    for index, label in enumerate(dataset.test.labels.tolist()):
        if among is None or dataset.test.items[index] in among:
            by_class[label].append(index)
    turns = range(max(map(len, by_class), default=0))
    chosen = [members[turn] for turn in turns for members in by_class if turn < len(members)]
    return chosen[:count]


def check_seed(seed: int) -> None:
    """Refuse a seed that no generator takes."""
    if not 0 <= seed <= MAX_NUMPY_SEED:
        raise BadValue("seed", seed, f"a whole number from 0 to {MAX_NUMPY_SEED}")


def check_counts(lens: object, *names: str) -> None:
    """Refuse values of a lens, by name, that are no counts from 1 up."""
    for name in names:
        if getattr(lens, name) < 1:
            raise BadValue(name, getattr(lens, name), "a number from 1 up")
