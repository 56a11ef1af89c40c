"""Shape of trained rows' layers, how alike they are, and what a circuit does to items."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import pandas as pd

from qtlrun.error import BadValue
from qtlrun.experiment.subject import Subject
from qtlrun.lens.layer import FEWEST_ITEMS, Pool, read_items, read_layers, share_items
from qtlrun.lens.render.atlas import draw_atlas
from qtlrun.lens.scene import Scene, check_counts, check_seed, choose_items, find_common, take_items
from qtlrun.lens.shape import alignment, circuit, geometry, similarity
from qtlrun.lens.view import View
from qtlrun.report.figure import manifold
from qtlrun.report.sentence import Note

MAX_STAGES = 2  # of the backbone, beside its features
COMPARED = ("outputs", "logits")  # layers that the sentence on rows and seeds is about
Trainings = dict[str, list[Subject]]


@dataclass(frozen=True)
class Manifold:
    """Manifold of test items in each layer of each row, and what a circuit does to it.

    Of each layer: the variance along its principal components, its intrinsic dimension by two
    estimators, its separability (the share of its variance that is between classes), and the
    whitening error (distance of the covariance from the identity, of items that the whitening was
    not fitted to; 1 is that of as many items of a standard Gaussian). Its linear CKA with the other
    layers, and with the same layer of other seeds and rows. Of a circuit with its trained angles:
    entanglement and purity of the items' states, before the ansatz and at the end, and the Fourier
    spectrum of the outputs in the inputs. The atlas draws, of the first trainings, what the parts
    of a layer stand for.

    items: of the test split at most
    neighbours: of the dimension by maximum likelihood
    circuit_items: whose states are simulated
    lines: along each input, on which the Fourier series is taken
    atlas: whether it is drawn
    cells: on a side of its grid
    cells_large: the same where a row has a large backbone
    steps: of the ascent that renders a cell
    side: of a cell's picture under a large backbone, in pixels
    trainings: of each row whose backbone is frozen or small
    trainings_large: of each row whose large backbone was trained
    seed: of the halves for whitening, of the lines and of the atlas
    """

    items: int
    neighbours: int
    circuit_items: int
    lines: int
    atlas: bool
    cells: int
    cells_large: int
    steps: int
    side: int
    trainings: int
    trainings_large: int
    seed: int

    def __post_init__(self):
        check_counts(self, "items", "circuit_items", "lines", "cells", "cells_large")
        check_counts(self, "steps", "side", "trainings", "trainings_large")
        if self.neighbours < 2:
            raise BadValue("neighbours", self.neighbours, "a number from 2 up")
        check_seed(self.seed)

    def view(self, scene: Scene) -> View:
        """Numbers of all trainings, and figures of their means."""
        view = View()
        count = len(choose_items(scene.dataset, self.items))
        if count < FEWEST_ITEMS:
            reason = f"The manifold needs {FEWEST_ITEMS} test items, and there are {count}."
            view.notes.append(Note(reason))
            return view
        chosen = scene.take(self.trainings, self.trainings_large)
        self._measure_layers(view, scene, chosen)
        self._compare_layers(view, scene, chosen)
        circuit.measure_circuits(view, scene, chosen, self.circuit_items, self.lines, self.seed)
        if self.atlas:
            is_large = any(subject.is_large for subject in scene.firsts.values())
            draw_atlas(
                view,
                scene,
                cells=self.cells_large if is_large else self.cells,
                items=self.items,
                steps=self.steps,
                side=self.side,
                seed=self.seed,
            )
        return view

    def _measure_layers(self, view: View, scene: Scene, chosen: Trainings) -> None:
        """Numbers of each layer, with their figures."""
        pool = Pool[geometry.Geometry]()
        layers: list[tuple[Subject, str, geometry.Geometry]] = []
        for label, subjects in chosen.items():
            for number, subject in enumerate(subjects):
                scene.monitor.step(f"{label}, layers", number + 1, len(subjects))
                split = take_items(subject, self.items)
                labels = split.labels.numpy()
                for name, points in read_layers(subject, split, MAX_STAGES).items():
                    describe = partial(
                        geometry.describe, labels=labels, neighbours=self.neighbours, seed=self.seed
                    )
                    layers.append((subject, name, pool.find(points, describe)))
        shapes = []
        for measure in geometry.MEASURES:
            for subject, name, shape in layers:
                value = shape.numbers[measure]
                view.read(subject, measure, value, name)
                shapes.append(_locate(subject, name) | {"measure": measure, "value": value})
        spectra = []
        whitening = []
        for subject, name, shape in layers:
            spectra += _spectrum(_locate(subject, name), shape)
            whitening.append(_locate(subject, name) | vars(shape.whiteness))
        view.frames["spectra"] = pd.DataFrame(spectra)
        view.frames["whitening"] = pd.DataFrame(whitening)
        view.notes.append(Note(geometry.MEANING, "Whitening error: 1 is white up to chance."))
        view.figures[""] = manifold.shapes(pd.DataFrame(shapes))
        view.figures["spectra"] = manifold.spectra(view.frames["spectra"])

    def _compare_layers(self, view: View, scene: Scene, chosen: Trainings) -> None:
        """Alignment of layers, seeds and rows on the same items, with its figure."""
        subjects = [subject for group in chosen.values() for subject in group]
        shared = self._share(view, subjects)
        pool = Pool[similarity.Profile]()
        trainings = []
        for number, subject in enumerate(subjects):
            scene.monitor.step("CKA", number + 1, len(subjects))
            items = shared or self._choose(subject)
            profiles = {
                name: pool.find(points, similarity.profile)
                for name, points in read_items(subject, items, MAX_STAGES).items()
            }
            trainings.append(alignment.Aligned(subject.keys, tuple(items), profiles))
        pairs = alignment.compare(trainings)
        view.frames["similarity"] = pairs
        view.figures["similarity"] = manifold.similarities(pairs)
        view.notes += alignment.summarise(pairs, scene.composed, COMPARED)

    def _share(self, view: View, subjects: list[Subject]) -> list[str]:
        """Hashes of the items on which trainings are compared, told in a note; none of too few."""
        first = subjects[0]
        common = find_common(subjects)
        if len(common) >= FEWEST_ITEMS:
            items = self._choose(first, common)
            view.notes.append(Note(f"CKA is of {len(items)} items, test items of all trainings."))
            return items
        items = share_items(subjects, self._choose(first))
        if len(items) < FEWEST_ITEMS:
            reason = "CKA between seeds is left out: their splits have too few items in common"
            view.notes.append(Note(f"{reason} ({len(items)})."))
            return []
        seen = max(len({*items} - {*subject.split("test").items}) for subject in subjects)
        view.notes.append(
            Note(
                f"CKA is of {len(items)} test items of one training, of which up to {seen} are"
                " train or validation items of another; too few are test items of all trainings"
                f" ({len(common)})."
            )
        )
        return items

    def _choose(self, subject: Subject, among: Collection[str] | None = None) -> list[str]:
        """Hashes of a training's test items, out of these or of all, the classes in turn."""
        index = choose_items(subject.dataset, self.items, among)
        items = subject.split("test").items
        return list(dict.fromkeys(items[number] for number in index))


def _locate(subject: Subject, layer: str) -> dict[str, object]:
    """Columns that say which layer of which training a line is about."""
    return subject.keys | {"layer": layer}


def _spectrum(where: dict[str, object], shape: geometry.Geometry) -> list[dict[str, object]]:
    """Share of the variance of each component of a layer."""
    total = shape.variances.sum()
    shares = shape.variances / total if total > 0 else shape.variances
    return [
        where | {"component": number, "share": float(share)}
        for number, share in enumerate(shares, 1)
    ]
