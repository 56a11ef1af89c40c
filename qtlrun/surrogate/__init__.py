"""Classical surrogates of trained circuits, and how much of the predictions they keep."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from qtlrun.circuit.readout import count_words
from qtlrun.comparison.obstacle import Obstacle
from qtlrun.device import state
from qtlrun.layer import join_copies
from qtlrun.surrogate.batch import Run
from qtlrun.surrogate.frequency import MAX_TERMS, find_frequencies
from qtlrun.surrogate.original import Original
from qtlrun.surrogate.polynomial import expand
from qtlrun.surrogate.reduction import LogitPolynomial, first_reaching
from qtlrun.surrogate.word import fit_words, read_words, with_constant

MAX_QUBITS = 12
MAX_WORDS = 2000
MAX_EXPANDED_AMPLITUDES = 2**22  # of one run's circuits, simulated for its terms
SHARES = {"surrogate_terms_99": 0.99, "surrogate_terms_100": 1.0}  # of the test predictions
TIMED_ITEMS = 128
REPEATS = 3  # of a timing, whose least counts
DIGITS = 12  # of a deviation; beyond is rounding
SHARE_DIGITS = 6  # of R squared
CONSTANT = 1e-20  # sum of squares of outputs that do not change, but for rounding

Figures = list[dict[str, float]]


def certify(head: Any, train: Tensor, test: Tensor, run: Run | None) -> Figures:
    """Figures of the classical surrogates of each run's circuit, or the obstacle, by name.

    The trigonometric polynomial that the circuit is in its encoding angles: terms that it has, and
    those that keep the test predictions, in order of their share in the training items' logits.
    And its outputs by least squares on Pauli words on one and two wires of the embedded items. Both
    see no label. Source: Schreiber et al., arXiv:2206.11740; Cerezo et al., arXiv:2312.09121.

    Arguments:
        head: one with a circuit between two layers, for each run.
        train: the circuit's inputs of training items, (circuits, items, inputs).
        test: those of test items.
        run: its circuit on its device without shots, noise averaged; None where that is too large.
    """
    runs = len(test) // head.circuits
    if head.run.reading.qubits > MAX_QUBITS:
        return [{"surrogate_obstacle": Obstacle.QUBITS}] * runs
    if run is None:
        return [{"surrogate_obstacle": Obstacle.CHANCE}] * runs
    original = Original.of(head, run, train, test)
    if original is None:
        return [{"surrogate_obstacle": Obstacle.READOUT}] * runs
    figures = measure_words(original)
    obstacle = find_obstacle(original)
    if obstacle is None:
        return [
            each | others
            for each, others in zip(figures, measure_polynomial(original), strict=True)
        ]
    return [each | {"surrogate_obstacle": obstacle} for each in figures]


def find_obstacle(original: Original) -> Obstacle | None:
    """Why a circuit's polynomial is not expanded; None where it is."""
    reading = original.reading
    if reading.starts:
        return Obstacle.AMPLITUDES
    if reading.moving is not None:
        return Obstacle.MATRICES
    terms = find_frequencies(reading).terms * original.copies
    if terms > MAX_TERMS or terms * 2**reading.qubits > MAX_EXPANDED_AMPLITUDES:
        return Obstacle.TERMS
    return Obstacle.NOISE if original.is_noisy else None


def measure_polynomial(original: Original) -> Figures:
    """Figures of the trigonometric polynomial of each run."""
    polynomial = expand(original.reading, original.weights)

    def prepare(inputs: Tensor) -> Tensor:
        prepared = original.reading.prepare(inputs, original.weights)[0]
        return polynomial.frequencies.variables(prepared)

    deviations = (polynomial(prepare(original.test)) - original.outputs).abs()
    deviations = deviations.amax((1, 2)).view(-1, original.copies).amax(1)
    logits = LogitPolynomial.of(polynomial, original.decoder)
    train, test = (
        join_copies(prepare(inputs), original.copies) for inputs in (original.train, original.test)
    )
    present = logits.present.sum(1)
    order = logits.rank(train)[:, : int(present.max())]
    shares = logits.agreement(order, test, original.decoder, original.predicted)
    counts = {"surrogate_terms": present}
    for name, share in SHARES.items():
        counts[name] = first_reaching(shares, share, present)
    few = original.test[:, :TIMED_ITEMS]
    items = few.shape[1] * len(original.decoder.weight)
    common = {
        "surrogate_products": 1 + (polynomial.frequencies.terms - 1) * original.copies,
        "seconds_circuit": measure_seconds(lambda: original.evaluate(few)) / items,
        "seconds_surrogate": measure_seconds(lambda: polynomial(prepare(few))) / items,
    }
    figures = []
    for number, deviation in enumerate(deviations.tolist()):
        each = {name: int(values[number]) for name, values in counts.items()}
        figures.append(common | each | {"surrogate_deviation": round(deviation, DIGITS)})
    return figures


def measure_words(original: Original) -> Figures:
    """Figures of the fit of each run's outputs by local words.

    It is fitted to the training items. None where weights stand among the uploads, so that no state
    is before the ansatz.
    """
    runs = len(original.decoder.weight)
    words = count_words(original.reading.qubits, 2)
    if state.embedding(original.reading) is None or words > MAX_WORDS:
        return [{} for _ in range(runs)]
    shape = tuple(original.weights.shape[1:])
    fitted = read_words(original.reading, original.train, shape)
    solution = fit_words(fitted, original.evaluate(original.train))
    values = with_constant(read_words(original.reading, original.test, shape)) @ solution
    errors = (values - original.outputs).square().sum(1)
    spreads = (original.outputs - original.outputs.mean(1, keepdim=True)).square().sum(1)
    spread = spreads.view(runs, -1).sum(1)
    explained = torch.where(spread > CONSTANT, 1 - errors.view(runs, -1).sum(1) / spread, 1.0)
    agreement = (original.decoder(values).argmax(-1) == original.predicted).double().mean(1)
    return [
        {
            "surrogate_words": words,
            "surrogate_words_r2": round(float(explained[number]), SHARE_DIGITS),
            "surrogate_words_agreement": float(agreement[number]),
        }
        for number in range(runs)
    ]


def measure_seconds(call: Callable[[], object]) -> float:
    """Least processor time of a few calls, in seconds."""
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)
