"""Predictions of new items by every row and seed of a finished run."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float64
from rich.console import Console
from torch import Tensor

from qtlrun.dataset import unlabelled
from qtlrun.dataset.unlabelled import Files
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.finished import FinishedRun
from qtlrun.plan import Plan, check_single
from qtlrun.report import terminal
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note, count

MAX_NAMED = 3  # pictures that cannot be read, in a message
MAX_SHOWN = 10  # items on the terminal
NAME_WIDTH = 24  # of an item on the terminal, in characters


@dataclass(frozen=True)
class Predict:
    """Predict pictures, or vectors, that carry no label.

    images: folder, file, pattern or list of pictures; a CSV (its columns found by their names where
        the run's dataset had names) or NPY file of vectors
    images_skip: whether pictures that cannot be read are left out
    """

    images: str | list[str] | None
    images_skip: bool
    takes_run = True
    trains = False

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse an absent run, and items that are none of its kind."""
        check_single(plans, "predict")
        if plans[0].settings.run is None:
            raise UsageError(
                "it predicts by a finished run",
                "run=last takes the newest, run=FOLDER another",
                key="study",
                value="predict",
            )
        if not self.images:
            raise UsageError(
                "it has nothing to predict",
                "name pictures with images=FOLDER, a file or a pattern as images=photos/*.jpg",
                key="study",
                value="predict",
            )
        self._items(experiment.finished(plans[0]))

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Predict all items; the mean probabilities by row."""
        run = experiment.finished(plans[0])
        items = self._items(run)
        names = items.names if isinstance(items, Files) else tuple(map(str, range(len(items))))
        probabilities, refusals = experiment.apply(run, items)
        if refusals and (not self.images_skip or len(refusals) == len(names)):
            raise self._refusal(refusals, len(names))
        good = [index for index in range(len(names)) if index not in refusals]
        shown_names = [names[index] for index in good]
        by_seed = {label: values[:, good] for label, values in probabilities.items()}
        means = {label: values.mean(0) for label, values in by_seed.items()}
        noun = "picture" if isinstance(items, Files) else "item"
        frame = _frame(run, noun, shown_names, means)
        frames = {
            "predictions": frame,
            "predictions_by_seed": _seeds_frame(run, noun, shown_names, by_seed),
        }
        notes = [*_notes(run, len(good), noun), *_left_out(items, refusals)]
        report.finish(
            plans,
            notes,
            frames,
            show=lambda console: _show(console, run, noun, shown_names, means),
        )
        return frame, True

    def _items(self, run: FinishedRun) -> Files | Float64[Tensor, "items numbers"]:
        """Pictures in files, or vectors, as the run takes them."""
        if run.item.kind == "pictures":
            return unlabelled.find_pictures(self.images)
        if not isinstance(self.images, str):
            raise UsageError("vectors are one CSV or NPY file", key="images", value=self.images)
        return unlabelled.read_vectors(self.images, run.item.shape[0], run.item.columns)

    def _refusal(self, refusals: dict[int, UsageError], total: int) -> UsageError:
        """Refusal of pictures that cannot be read, of so many."""
        listed = "; ".join(str(error).rstrip(".") for error in list(refusals.values())[:MAX_NAMED])
        more = f"; and {len(refusals) - MAX_NAMED} more" if len(refusals) > MAX_NAMED else ""
        fix = "" if self.images_skip else "images_skip=true leaves them out"
        return UsageError(
            f"{len(refusals)} of {total} cannot be predicted: {listed}{more}",
            fix,
            key="images",
            value=self.images,
        )


def _frame(
    run: FinishedRun, noun: str, names: list[str], means: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Mean probabilities over a row's trainings: a line for each row and item."""
    frames = [
        pd.DataFrame({"row": label, noun: names} | _columns(run, values))
        for label, values in means.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _seeds_frame(
    run: FinishedRun, noun: str, names: list[str], values: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Probabilities of each training: a line for each row, split, seed and item."""
    frames = []
    for label, by_training in values.items():
        for training, each in zip(run.rows[label].trainings, by_training, strict=True):
            cell = {"row": label} | ({} if training.split is None else {"split": training.split})
            frames.append(
                pd.DataFrame(cell | {"seed": training.seed, noun: names} | _columns(run, each))
            )
    return pd.concat(frames, ignore_index=True)


def _columns(run: FinishedRun, values: np.ndarray) -> dict[str, object]:
    """Predicted class, and the probability of each class."""
    predicted = np.array(run.classes)[values.argmax(-1)]
    return {"predicted": predicted} | {
        f"p({name})": values[:, number] for number, name in enumerate(run.classes)
    }


def _notes(run: FinishedRun, total: int, noun: str) -> Iterator[Note]:
    """Sentences on what was predicted by what."""
    trainings = max(len(row.trainings) for row in run.rows.values())
    shown = f"; the first {MAX_SHOWN} are above" if total > MAX_SHOWN else ""
    yield Note(
        f"{count(total, noun)} predicted{shown}: class, and its mean probability over"
        f" {count(trainings, 'training')} of each row."
    )
    yield Note(
        "predictions.csv has every row and class, predictions_by_seed.csv every training.", ""
    )
    yield Note(f"The run is {run.folder}.", "")


def _left_out(items: object, refusals: dict[int, UsageError]) -> Iterator[Note]:
    """Sentences on pictures that could not be read, and on files that are no pictures."""
    for error in refusals.values():
        yield Note(f"Left out: {error}")
    if isinstance(items, Files) and items.others:
        yield Note(f"{count(items.others, 'file')} beside them without a picture's ending.")


def _show(
    console: Console,
    run: FinishedRun,
    noun: str,
    names: list[str],
    means: dict[str, np.ndarray],
) -> None:
    """Print the first items, with the class that each row gives; as many rows as there is room."""
    width = console.width - NAME_WIDTH
    shown = {noun: [_short(name) for name in names[:MAX_SHOWN]]}
    for label, values in means.items():
        column = [_cell(run, each) for each in values[:MAX_SHOWN]]
        width -= max(map(len, [label, *column])) + 2
        if width < 0 and len(shown) > 1:
            break
        shown[label] = column
    terminal.show_words(console, pd.DataFrame(shown))
    if len(shown) <= len(means):
        terminal.say(console, ["The other rows are in predictions.csv."])


def _cell(run: FinishedRun, probabilities: np.ndarray) -> str:
    """Class of largest probability, and that probability."""
    best = int(probabilities.argmax())
    return f"{run.classes[best]} {probabilities[best]:.2f}"


def _short(name: str) -> str:
    """End of a name, where it is long."""
    return name if len(name) <= NAME_WIDTH else f"...{name[3 - NAME_WIDTH :]}"
