"""Layers of trained rows in the plane, by t-SNE, with numbers on what the plane shows."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from jaxtyping import Int64

from qtlrun.error import BadValue
from qtlrun.experiment.subject import Subject
from qtlrun.lens.embedding import embed
from qtlrun.lens.layer import FEWEST_ITEMS, Plane, Points, Pool, read_layers
from qtlrun.lens.scene import Scene, check_counts, check_seed, choose_items, take_items
from qtlrun.lens.view import View
from qtlrun.report.figure import embedding
from qtlrun.report.sentence import Note

MAX_STAGES = 2  # of the backbone in the figure, beside its features


@dataclass(frozen=True)
class Tsne:
    """Layer-wise t-SNE of test items, for each row (van der Maaten and Hinton 2008).

    A plane by itself proves nothing, so numbers stand beside it: the accuracy with which the
    nearest neighbours of an item, in the layer itself, name its class, in all trainings; and the
    trustworthiness of the plane (Venna and Kaski 2001), in the first training.

    items: of the test split at most
    perplexity: effective number of neighbours, at most a third of the items
    neighbours: of trustworthiness and accuracy
    trainings: of each row whose backbone is frozen or small
    trainings_large: of each row whose large backbone was trained
    seed: of the embedding
    """

    items: int
    perplexity: float
    neighbours: int
    trainings: int
    trainings_large: int
    seed: int

    def __post_init__(self):
        check_counts(self, "items", "neighbours", "trainings", "trainings_large")
        check_seed(self.seed)
        if not 0 < self.perplexity < np.inf:
            raise BadValue("perplexity", self.perplexity, "a number of neighbours above 0")

    def view(self, scene: Scene) -> View:
        """Numbers of each layer, and the planes of the first trainings."""
        view = View()
        count = len(choose_items(scene.dataset, self.items))
        if count < FEWEST_ITEMS:
            view.notes.append(
                Note(f"t-SNE needs {FEWEST_ITEMS} test items, and there are {count}.")
            )
            return view
        for label, subjects in scene.take(self.trainings, self.trainings_large).items():
            for number, subject in enumerate(subjects):
                scene.monitor.step(f"{label}, neighbours", number + 1, len(subjects))
                layers, labels = self._read(subject)
                for layer, points in layers.items():
                    accuracy = neighbour_accuracy(points, labels, self.neighbours)
                    view.read(subject, "nearest-neighbour accuracy", accuracy, layer)
        frames: list[pd.DataFrame] = []
        planes = Pool[Plane]()
        for number, subject in enumerate(scene.firsts.values()):
            for frame in self._embed(subject, planes):
                trust = frame["trustworthiness"].iloc[0]
                layer = frame["layer"].iloc[0]
                view.read(subject, "trustworthiness", trust, layer, is_tested=False)
                frames.append(frame)
            scene.monitor.step("t-SNE", number + 1, len(scene.firsts))
        view.frames["points"] = pd.concat(frames, ignore_index=True)
        view.figures[""] = embedding.planes(view.frames["points"])
        return view

    def _read(self, subject: Subject) -> tuple[dict[str, Points], Int64[np.ndarray, " items"]]:
        """Points of the test items in each layer, and their labels."""
        split = take_items(subject, self.items)
        return read_layers(subject, split, MAX_STAGES), split.labels.numpy()

    def _embed(self, subject: Subject, planes: Pool[Plane]) -> list[pd.DataFrame]:
        """Planes of a training's layers, an item a line, each with its trustworthiness.

        `planes` has those of the rows before, of which some share a frozen backbone.
        """
        from sklearn.manifold import trustworthiness

        layers, labels = self._read(subject)
        method = partial(embed, perplexity=self.perplexity, seed=self.seed)
        frames = []
        for layer, points in layers.items():
            plane = planes.find(points, method)
            neighbours = min(self.neighbours, (len(points) - 1) // 2)
            frame = pd.DataFrame(
                subject.keys
                | {
                    "layer": layer,
                    "class": [subject.classes[label] for label in labels],
                    "x": plane[:, 0],
                    "y": plane[:, 1],
                    "trustworthiness": trustworthiness(points, plane, n_neighbors=neighbours),
                    "accuracy": neighbour_accuracy(points, labels, self.neighbours),
                }
            )
            frames.append(frame)
        return frames


def neighbour_accuracy(points: Points, labels: Int64[np.ndarray, " items"], count: int) -> float:
    """Share of items whose class most of their nearest neighbours have, themselves left out.

    Where classes are equally many among them, the first one counts.
    """
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(points) - 1)
    nearest = NearestNeighbors(n_neighbors=count).fit(points).kneighbors(return_distance=False)
    votes = np.apply_along_axis(np.bincount, 1, labels[nearest], minlength=labels.max() + 1)
    return float((votes.argmax(1) == labels).mean())
