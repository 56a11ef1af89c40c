"""Fisher information of a head's weights at its start: spectrum and effective dimension."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64
from torch import Tensor

from qtlrun.derivative.gradient import differentiate_columns
from qtlrun.experiment.parts import Parts
from qtlrun.report.figure.fisher import fisher_spectrum
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note

STARTS = 10
MAX_ROWS = 512  # items times classes of which derivatives are taken
NEAR_ZERO = 0.01  # of the mean eigenvalue
TITLE = "fisher"
TWIN = {"_target_": "qtlrun.head.dressed.Twin"}
# Weights in the middle of a head, by the beginning of their names: of a circuit, of its twin
MIDDLES = {"circuit": "angles", "twin": "middle."}

Roots = Float64[np.ndarray, "rows weights"]
Spectrum = Float64[np.ndarray, " eigenvalues"]


@dataclass(frozen=True)
class Information:
    """Fisher information of some weights, over several starts.

    weights: how many there are
    trace: of the information matrix, divided by their number, mean over starts
    near_zero: share of eigenvalues below NEAR_ZERO of the mean one
    dimension: effective dimension at the training size; nan where the size is too small for one
    most: of all information matrices of so many weights, at that size
    """

    weights: int
    trace: float
    near_zero: float
    dimension: float
    most: float


def describe_information(
    parts: Parts, features: Float64[Tensor, "items features"], *, has_circuit: bool, seed: int
) -> Section:
    """Section on the Fisher information of the composed head and its twin.

    features: as the head sees them
    """
    heads = {"head": parts}
    if has_circuit:
        variant = dataclasses.replace(parts.variant, head=TWIN)
        heads = {"circuit": parts, "twin": Parts(variant, parts.session)}
    items = len(parts.dataset.train)
    count = max(2, MAX_ROWS // len(parts.dataset.classes))
    lines = []
    spectra = []
    for name, each in heads.items():
        by_start = [measure_roots(each, features[:count], seed + start) for start in range(STARTS)]
        for group, names in _groups(by_start[0], MIDDLES.get(name)).items():
            roots = [_join(start, names) for start in by_start]
            information, spectrum = measure_information(roots, items)
            keys = {"head": name, "of": group}
            lines.append(keys | dataclasses.asdict(information))
            for rank, value in enumerate(spectrum, 1):
                share = rank / information.weights
                spectra.append(keys | {"rank": rank, "share": share, "eigenvalue": value})
    frame = pd.DataFrame(lines)
    spectrum = pd.DataFrame(spectra)
    return Section(
        TITLE,
        _table(frame),
        [_explain(items, min(count, len(features)))],
        {"fisher": frame, "fisher_spectrum": spectrum},
        {TITLE: fisher_spectrum(spectrum, NEAR_ZERO)},
    )


def measure_roots(
    parts: Parts, features: Float64[Tensor, "items features"], seed: int
) -> dict[str, Roots]:
    """Roots of the Fisher information by weight: their squares, summed over rows, are it.

    A row is an item and a class. Each item has a run of the head of its own, all from one seed, so
    that the derivative of a class is one pass back.
    """
    head = parts.head(features.shape[1], [seed] * len(features)).eval()
    weights = {name: each for name, each in head.named_parameters() if each.requires_grad}
    with torch.enable_grad():
        logits = head(features.to(parts.dtype).unsqueeze(1))[:, 0]
        slopes = differentiate_columns(logits, list(weights.values()))
    probabilities = logits.detach().double().softmax(1).cpu().numpy()
    roots = {}
    for name, by_class in zip(weights, slopes, strict=True):
        gradients = by_class.transpose(0, 1).flatten(2)  # (items, classes, weights)
        roots[name] = root(gradients.double().cpu().numpy(), probabilities)
    return roots


def root(
    gradients: Float64[np.ndarray, "items classes weights"],
    probabilities: Float64[np.ndarray, "items classes"],
) -> Roots:
    """Root of the Fisher information of a softmax, of the derivatives of its logits.

    It is the mean over items, and over classes by their probabilities, of the square of the
    derivative of the class's log-probability.
    """
    shares = probabilities[..., None]
    centred = gradients - (shares * gradients).sum(axis=1, keepdims=True)
    rows = np.sqrt(shares / len(gradients)) * centred
    return rows.reshape(-1, gradients.shape[2])


def measure_information(roots: list[Roots], items: int) -> tuple[Information, Spectrum]:
    """Information of weights over starts, and its mean spectrum over a mean eigenvalue of 1.

    roots: by start
    items: training size of the effective dimension
    """
    weights = roots[0].shape[1]
    spectra = np.stack([_spectrum(each) for each in roots])
    mean = spectra.sum(axis=1).mean() / weights
    scaled = spectra / mean if mean > 0 else spectra
    zeros = weights - scaled.shape[1]
    near = ((scaled < NEAR_ZERO).sum(axis=1).mean() + zeros) / weights
    dimension = effective_dimension(scaled, items) if mean > 0 else math.nan
    most = effective_dimension(np.ones((1, weights)), items)
    return Information(weights, float(mean), float(near), dimension, most), scaled.mean(axis=0)


def effective_dimension(scaled: Float64[np.ndarray, "starts eigenvalues"], items: int) -> float:
    """Effective dimension at a training size, of spectra whose mean trace is the dimension.

    Source: Abbas et al., arXiv:2011.00027, eq. 2 with gamma 1; the mean over the weights' volume is
    over starts here. nan where the size is so small that its logarithm is not positive.
    """
    ratio = items / (2 * math.pi * math.log(items)) if items > 1 else 0.0
    if ratio <= 1:
        return math.nan
    halves = np.log1p(ratio * scaled.clip(min=0)).sum(axis=1) / 2
    largest = halves.max()
    return float(2 * (largest + np.log(np.exp(halves - largest).mean())) / math.log(ratio))


def _spectrum(roots: Roots) -> Spectrum:
    """Eigenvalues of the information, the largest first; those that are 0 for sure left out."""
    return np.linalg.svd(roots, compute_uv=False) ** 2


def _join(roots: dict[str, Roots], names: list[str]) -> Float64[np.ndarray, "rows joined"]:
    """Roots of several weights side by side."""
    return np.concatenate([roots[name] for name in names], axis=1)


def _groups(roots: dict[str, Roots], middle: str | None) -> dict[str, list[str]]:
    """Names of weights by group: all of them, and those in the middle of the head."""
    groups = {"all weights": list(roots)}
    inner = [name for name in roots if middle is not None and name.startswith(middle)]
    return groups | ({"its middle": inner} if inner else {})


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    """Lines of the terminal."""
    table = frame[["head", "of", "weights"]].copy()
    table["trace / weights"] = [f"{value:.2g}" for value in frame["trace"]]
    table["near 0"] = [f"{value:.0%}" for value in frame["near_zero"]]
    pairs = zip(frame["dimension"], frame["most"], strict=True)
    table["effective dimension"] = [
        "" if math.isnan(value) else f"{value:.1f} of {most:.1f}" for value, most in pairs
    ]
    return table


def _explain(items: int, measured: int) -> Note:
    """Sentence on how the information was taken."""
    return Note(
        f"{TITLE}: Fisher information of the head's weights at its start, over {measured} training"
        f" items and {STARTS} starts. Its rank is at most items times (classes - 1), so of more"
        f" weights some eigenvalues are 0 in any head. Near 0: below {NEAR_ZERO:g} of the mean"
        f" eigenvalue. The effective dimension is that of {items} training items, with the mean"
        " over starts in place of that over all weights (Abbas et al., arXiv:2011.00027), beside"
        " the most that so many weights can have, which exceeds their number where items are few."
        " A higher one promises nothing about the test items.",
        f"{TITLE}: information of the weights at the start; near 0: eigenvalues below"
        f" {NEAR_ZERO:g} of the mean; effective dimension at {items} training items, of the most.",
    )
