"""Settings: the top-level keys of a plan, and the seeds and splits that they ask for."""

from dataclasses import dataclass
from typing import Literal

from qtlrun.error import UsageError

MAX_NUMPY_SEED = 2**32 - 1  # of NumPy's generators


@dataclass(frozen=True)
class Settings:
    """How a plan is trained.

    seeds: their number, from 0 on, or a list of them
    splits: divisions into train and validation, each for all seeds; `each`: every seed has its own
    folds: parts of a cross-validation; null for none
    tune: draws of its values that each row is given, the first as it stands
    dtype: precision of training and simulation
    home: folder of the store and of downloaded data
    outputs: folder of the output folders
    accelerator: where torch computes
    fresh: whether rows are trained anew
    plugins: Python files with parts of the user's
    seal: folder or hash of a sealed plan that this is a run of
    plan: plan.yaml of a run, or its folder, whose points are run again
    run: folder of a finished run that a study takes, a tail of its name, or `last`
    runs: finished runs that a study joins, each named as for `run`
    """

    seeds: int | list[int]
    splits: int | Literal["each"]
    folds: int | None
    tune: int
    dtype: Literal["float32", "float64"]
    home: str
    outputs: str
    accelerator: Literal["cpu", "cuda", "mps"]
    fresh: bool
    plugins: list[str]
    seal: str | float | None
    plan: str | None
    run: str | None
    runs: list[str]

    def seed_list(self) -> list[int]:
        """Seeds by number: `seeds: 5` is 0 to 4, a list names them."""
        seeds = list(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds
        if seeds and max(seeds) > MAX_NUMPY_SEED:
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
