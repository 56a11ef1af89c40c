"""Settings: the top-level keys of a plan, and the seeds and splits that they ask for."""

from dataclasses import dataclass
from typing import Any, Literal

from qtlrun.error import UsageError, text

MAX_SEED = 2**32 - 1  # of NumPy's generators


@dataclass(frozen=True)
class Settings:
    """How a plan is trained.

    seeds: their number, from 0 on, or a list of them
    splits: how often train and validation are drawn
    folds: parts of a cross-validation; null for none
    tune: draws of its values that each row is given
    dtype: precision of training and simulation
    home: folder of the store and of downloaded data
    outputs: folder of the output folders
    accelerator: where torch computes
    fresh: whether rows are trained anew
    plugins: Python files with parts of the user's
    """

    seeds: int | list[int]
    splits: int
    folds: int | None
    tune: int
    dtype: Literal["float32", "float64"]
    home: str
    outputs: str
    accelerator: Literal["cpu", "cuda", "mps"]
    fresh: bool
    plugins: list[str]

    def seed_list(self) -> list[int]:
        """Seeds by number: `seeds: 5` is 0 to 4, a list names them."""
        seeds = list(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds
        if seeds and max(seeds) > MAX_SEED:
            raise UsageError(
                "numpy's generators take seeds below 2**32", key="seeds", value=self.seeds
            )
        if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise UsageError(
                "a number from 1 up (5 is seeds 0 to 4), or a list of different seeds from 0 up",
                key="seeds",
                value=self.seeds,
            )
        return seeds

    def redraws(self, dataset: dict[str, Any]) -> list[dict[str, Any]]:
        """Changes of the dataset that `splits` or `folds` ask for, one per split.

        One empty change where they ask for none.
        """
        name = "folds" if self.folds is not None else "splits"
        count = getattr(self, name)
        self._check_redraws()
        if name == "splits" and count == 1:
            return [{}]
        if dataset.get("fold") is not None:
            raise UsageError(
                f"{name}={count}, dataset.fold={text(dataset['fold'])}: choose one of the two"
            )
        needs = "fold" if name == "folds" else "split_seed"
        if needs not in dataset:
            raise UsageError(
                f"this dataset draws no splits of its own (it has no {needs})",
                key=name,
                value=count,
            )
        if name == "folds":
            return [{"fold": [number, count]} for number in range(count)]
        return [{"split_seed": dataset["split_seed"] + number} for number in range(count)]

    def _check_redraws(self) -> None:
        if self.splits < 1:
            raise UsageError(
                "how often train and validation are drawn, from 1 up",
                key="splits",
                value=self.splits,
            )
        if self.folds is None:
            return
        if self.folds < 2:
            raise UsageError(
                "the parts of a cross-validation, from 2 up",
                "null for none",
                key="folds",
                value=self.folds,
            )
        if self.splits > 1:
            raise UsageError(f"splits={self.splits}, folds={self.folds}: choose one of the two")


def split_seeds(seeds: list[int], split: int) -> list[int]:
    """Seeds of a split: its own, for an effect shared by all splits shows in no difference."""
    return [seed + split * (max(seeds) + 1) for seed in seeds]
