"""Datasets: three splits of labelled items, and what else is known of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from jaxtyping import Float64, Int64
from torch import Tensor

from qtlrun.dataset.look import Looks
from qtlrun.dataset.picture import Pictures
from qtlrun.dataset.split import Split, sequence_fingerprint

NOUNS = {"pictures": "picture", "vectors": "item", "states": "state"}

Step = Callable[[int, int], object]  # is called with the count of items that are done, and of all


@dataclass(frozen=True, eq=False)
class Dataset:
    """Splits of labelled items with the names of their classes.

    train, validation, test: the splits; validation may be the test split itself
    classes: names, in the order of the labels
    size: items that the splits were drawn from
    fingerprint: hash of all that a result depends on, but for the order of the items
    caution: sentence for whoever reads a result
    scaling: statistics that scaled the items
    ceiling: accuracy on the test split that no classifier can expect to exceed
    independent: whether another `split_seed` draws other items
    sequence: order of the train items in each epoch, from 0; None: each run shuffles by its seed
    centres: item of each class without noise
    modes: optical modes of items that are states
    verifier: decodes the items, as `verify` says
    files: hash of the files that it decodes, however they are divided
    column_names: names of a vector's numbers, where a table has them
    """

    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    size: int
    fingerprint: str
    caution: str = ""
    scaling: dict[str, list[float]] | None = None
    ceiling: float | None = None
    independent: bool = False
    sequence: Callable[[int], Int64[Tensor, " items"]] | None = None
    centres: Float64[Tensor, "classes numbers"] | None = None
    modes: int | None = None
    verifier: Callable[[Step], Looks | None] | None = None
    files: str = ""
    column_names: tuple[str, ...] = ()

    def verify(self, step: Step = lambda done, total: None) -> Looks:
        """Decode each picture in a file; the looks of all.

        Items that are numbers are left as they are. Raises ValueError for a picture that cannot be
        decoded.
        """
        return (self.verifier(step) if self.verifier else None) or Looks()

    @cached_property
    def key(self) -> str:
        """Hash of all that a stored result depends on, the order of the items among it.

        Logits are stored by the places of their items, and batches are drawn by them.
        """
        order = sequence_fingerprint(self.splits)
        return sha256(f"{self.fingerprint}\0{order}".encode()).hexdigest()

    @property
    def splits(self) -> dict[str, Split]:
        """Splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def kind(self) -> str:
        """Kind of the items: states (of so many optical `modes`), vectors or pictures."""
        if self.modes is not None:
            return "states"
        inputs = self.train.inputs
        is_vector = isinstance(inputs, Tensor) and inputs.is_floating_point()
        return "vectors" if is_vector else "pictures"

    @property
    def noun(self) -> str:
        """Noun for one item."""
        return NOUNS[self.kind]

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Count of items of each class in each split."""
        numbers = {
            name: split.labels.bincount(minlength=len(self.classes)).tolist()
            for name, split in self.splits.items()
        }
        return {
            name: dict(zip(self.classes, number, strict=True)) for name, number in numbers.items()
        }

    @property
    def sizes(self) -> set[tuple[int, int]]:
        """Heights and widths of pictures, in pixels; a single pair where all are equal."""
        sizes: set[tuple[int, int]] = set()
        for split in self.splits.values():
            inputs = split.inputs
            if isinstance(inputs, Pictures):
                sizes.update(inputs.sizes)
            else:
                height, width = inputs.shape[-2:]
                sizes.add((height, width))
        return sizes
