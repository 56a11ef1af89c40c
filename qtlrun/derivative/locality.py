"""Local words of the embedded items: what a classifier reads without the circuit's ansatz."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from qtlrun import statistic
from qtlrun.circuit.readout import count_words
from qtlrun.derivative.family import Family
from qtlrun.device import state
from qtlrun.layer import generator
from qtlrun.report.section import Section
from qtlrun.report.sentence import Note
from qtlrun.statistic import Interval
from qtlrun.surrogate.word import read_words

SEEDS = 5  # of the layer before the circuit
DRAWS = 5  # of uniform angles for each
MARGIN = 0.02  # accuracy that words may fall short by
MAX_NUMBERS = 2000  # words of an item
ANGLES = "inputs of the circuit"
SINGLE = "words on one wire"
DOUBLE = "words on one and two wires"
OUTPUTS = "outputs at random angles"
TITLE = "locality"

Numbers = Float64[np.ndarray, "items numbers"]
Labels = Int64[np.ndarray, " items"]


@dataclass(frozen=True)
class Sets:
    """Features as the head sees them, with labels, of items to fit and of others."""

    features: Float64[Tensor, "items features"]
    labels: Labels
    others: Float64[Tensor, "others features"]
    answers: Int64[np.ndarray, " others"]


def describe_locality(family: Family, sets: Sets) -> Section:
    """Section on the accuracy that local words of the embedded items reach."""
    words = count_words(family.circuit.qubits, 2) * family.head.circuits
    if words > MAX_NUMBERS:
        note = Note(f"{TITLE}: not told of {words:,} words an item; {MAX_NUMBERS:,} is the most.")
        return Section(TITLE, pd.DataFrame(), [note], {}, {})
    correct = measure_locality(family, sets)
    frame = pd.DataFrame(
        [
            {"read": name, "accuracy": each.mean(), "deviation": statistic.deviation(each.mean(1))}
            for name, each in correct.items()
        ]
    )
    gaps = {name: statistic.crossed(correct[name] - correct[OUTPUTS]) for name in (SINGLE, DOUBLE)}
    for name, gap in gaps.items():
        for column, value in (("minus outputs", gap.mean), ("low", gap.low), ("high", gap.high)):
            frame.loc[frame["read"] == name, column] = value
    return Section(
        TITLE, _table(frame), [_explain(family, sets), _judge(gaps)], {"locality": frame}, {}
    )


def measure_locality(family: Family, sets: Sets) -> dict[str, Float64[np.ndarray, "seeds others"]]:
    """Whether each of the other items is classified, by what the classifier reads.

    Of the outputs at random angles it is the mean over draws.
    """
    records: dict[str, list[np.ndarray]] = {}
    for seed in range(SEEDS):
        head = family.parts.head(sets.features.shape[1], [seed])
        count = len(sets.features)
        both = torch.cat([sets.features, sets.others]).to(family.parts.dtype).unsqueeze(0)
        with torch.no_grad():
            inputs = head.encode(both).detach().cpu().double()
            views = select_words(family, inputs) | {ANGLES: [_join(inputs)]}
            views[OUTPUTS] = [_join(each) for each in _draw_outputs(family, inputs, seed)]
        for name, numbers in views.items():
            rows = [
                classify((each[:count], sets.labels), (each[count:], sets.answers))
                for each in numbers
            ]
            records.setdefault(name, []).append(np.mean(rows, axis=0))
    return {name: np.stack(records[name]) for name in (ANGLES, SINGLE, DOUBLE, OUTPUTS)}


def select_words(
    family: Family, inputs: Float64[Tensor, "circuits items inputs"]
) -> dict[str, list[Numbers]]:
    """Pauli words of the embedded items on one wire, and on one and two."""
    values = read_words(family.head.run.reading, inputs, tuple(family.circuit.shape))
    single = count_words(family.circuit.qubits, 1)
    return {SINGLE: [_join(values[..., :single])], DOUBLE: [_join(values)]}


def classify(
    train: tuple[Numbers, Labels],
    others: tuple[Float64[np.ndarray, "others numbers"], Int64[np.ndarray, " others"]],
) -> Float64[np.ndarray, " others"]:
    """Whether a logistic regression on standardised numbers classifies each of the others."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numbers, labels = train
    if len(set(labels.tolist())) < 2:
        return (others[1] == labels[0]).astype(float)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(numbers, labels)
    return (model.predict(others[0]) == others[1]).astype(float)


def _draw_outputs(
    family: Family, inputs: Float64[Tensor, "circuits items inputs"], seed: int
) -> list[Float64[Tensor, "circuits items outputs"]]:
    """Outputs of the circuit at several draws of uniform angles."""
    draw = generator(seed, TITLE)
    shape = len(inputs), *family.circuit.shape
    draws = []
    for _ in range(DRAWS):
        angles = math.pi * (2 * torch.rand(shape, generator=draw, dtype=torch.float64) - 1)
        draws.append(family.head.run(inputs, angles))
    return draws


def _join(values: Float64[Tensor, "circuits items numbers"]) -> Numbers:
    """Numbers of all copies of a circuit in a row."""
    return values.transpose(0, 1).flatten(1).numpy()


def _table(frame: pd.DataFrame) -> pd.DataFrame:
    """Lines of the terminal."""
    table = frame[["read"]].copy()
    pairs = zip(frame["accuracy"], frame["deviation"], strict=True)
    table["validation accuracy"] = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in pairs]
    ends = zip(frame["minus outputs"], frame["low"], frame["high"], strict=True)
    table["minus outputs"] = [
        "" if math.isnan(mean) else f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
        for mean, low, high in ends
    ]
    return table


def _explain(family: Family, sets: Sets) -> Note:
    """Sentence on what was read."""
    before = state.embedding(family.head.run.reading)
    where = "before the ansatz" if before is not None else "at angles of 0, for no state is before"
    return Note(
        f"{TITLE}: accuracy of a logistic regression fitted to {len(sets.features)} training items,"
        f" on {len(sets.others)} others, mean ± deviation over {SEEDS} starts of the layer before"
        f" the circuit. It reads the circuit's inputs, Pauli words of the state {where}, or the"
        f" circuit's outputs at uniform angles ({DRAWS} draws each). Differences have 95 %"
        " intervals over starts and items. Where local words do as well, these items are told apart"
        " without the ansatz; many circuits without a plateau are simulated from such words"
        " (Cerezo et al., arXiv:2312.09121). A trained circuit may still do better.",
        f"{TITLE}: logistic regression on the circuit's inputs, on Pauli words of the embedded"
        " items, and on its outputs at random angles.",
    )


def _judge(gaps: dict[str, Interval]) -> Note:
    """Sentence on whether the circuit is locally easy on these items."""
    for name, gap in gaps.items():
        if gap.low >= -MARGIN:
            return Note(
                f"Locally easy on these items: {name} are less than {MARGIN:g} behind the"
                f" outputs (difference of {gap.mean:+.3f} in accuracy, no less than"
                f" {gap.low:+.3f})."
            )
    gap = gaps[DOUBLE]
    if gap.high < 0:
        return Note(
            f"Not shown to be locally easy: {DOUBLE} fall {-gap.mean:.3f} short of the outputs in"
            " accuracy."
        )
    return Note(
        f"Undecided whether it is locally easy: {DOUBLE} minus outputs is {gap.mean:+.3f} in"
        f" accuracy, {gap.low:+.3f} to {gap.high:+.3f}, and {-MARGIN:g} may be lacking."
    )
