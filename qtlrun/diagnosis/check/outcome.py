"""Checks of the first steps: does the model learn, all classes, more than a classical rival?"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from qtlrun.diagnosis.case import IGNORED_LABEL, Case
from qtlrun.diagnosis.finding import Evidence, Requirement, Severity, check
from qtlrun.diagnosis.rehearsal import FirstSteps
from qtlrun.diagnosis.sprint import Sprint
from qtlrun.experiment.network import Module, circuit_weights

MIN_STEPS = 30  # of the exercise, below which nothing is learned yet
LAST_STEPS = 10  # in which a loss that stays does not fall
MIN_GAIN = 0.01  # nats
MIN_RIVAL_GAIN = 0.1  # nats
MAX_CLASS_SHARE = 0.99
MAX_LEAD_MARGINS = 1.0
MAX_EQUAL_SHARE = 0.99
DEVIATIONS = 1.96  # of a standard error, on each side of a 95 % interval


@check(
    "Q501",
    "LOSS_AT_CHANCE",
    Severity.FAULT,
    limit=MIN_GAIN,
    reason="the shipped presets gain .3 nats or more, the latest start after 100 steps",
    need=Requirement.GRADIENT,
)
def loss_at_chance(case: Case) -> Evidence | None:
    """Compare the loss after some steps of Adam with that of a constant prediction."""
    if not _is_at_chance(case.exercise, case):
        return None
    # A saddle, where only the shares of the classes are learned, is left in time
    exercise = case.long_exercise
    if exercise is None or not _is_at_chance(exercise, case):
        return None
    chance = _find_entropy(case.labels)
    gain = chance - min(exercise.losses[1:])
    linear = _fit_batch(case)
    if linear is None or not chance - linear > MIN_RIVAL_GAIN:
        return None
    return Evidence(
        gain,
        f"after {exercise.steps} steps of Adam the loss is that of a constant prediction,"
        f" {chance:.3f} nats, where a linear model has {linear:.3f}",
        "look for the place where the signal ends: a detached tensor, saturated inputs, a circuit"
        " whose outputs do not depend on its inputs",
    )


@check(
    "Q502",
    "CLASS_COLLAPSE",
    Severity.WARNING,
    limit=MAX_CLASS_SHARE,
    reason="with no loss below that of a constant prediction; shipped presets come below it",
    need=Requirement.GRADIENT,
)
def collapsed_classes(case: Case) -> Evidence | None:
    """Count the items of the most predicted class after some steps of Adam."""
    exercise = case.exercise
    if exercise is None or exercise.after is None or len(case.labels.unique()) < 2:
        return None
    if not _is_long(exercise):
        return None
    # At chance, as the check before says; below it, the items were told apart all the same, though
    # the last step may have jumped
    lowest = min(exercise.losses[1:])
    is_finite = math.isfinite(exercise.losses[-1])
    if not (is_finite and lowest >= _find_entropy(case.labels) + MIN_GAIN):
        return None
    predicted = exercise.after.argmax(1)
    share = float(predicted.bincount().max()) / len(predicted)
    if not share > MAX_CLASS_SHARE:
        return None
    common = float((case.labels == case.labels.mode().values).double().mean())
    return Evidence(
        share,
        f"after {exercise.steps} steps of Adam all {len(predicted)} items of the batch are"
        f" predicted as class {int(predicted[0])}, and {common:.2f} of them are of one class",
        "look at the size of the logits before training and at the balance of the classes",
    )


@check(
    "Q503",
    "RIVAL_AHEAD",
    Severity.NOTE,
    limit=MAX_LEAD_MARGINS,
    reason="within the margin two models count as equal",
    need=Requirement.DATA,
)
def rival_ahead(case: Case) -> Evidence | None:
    """Compare the validation NLL of a logistic regression with that of a short training."""
    lead = case.data.rival_lead
    if lead is None:
        return None
    sprint = case.data.sprint
    assert sprint is not None  # whose NLL it is
    error = float(lead.std()) / math.sqrt(len(lead))
    mean = float(lead.mean())
    if not mean - DEVIATIONS * error > MAX_LEAD_MARGINS * case.data.margin_nats:
        return None
    epochs = "1 epoch" if sprint.epochs == 1 else f"{sprint.epochs} epochs"
    return Evidence(
        mean / case.data.margin_nats,
        f"after {epochs} of {case.data.parts.recipe.epochs} the validation NLL lies {mean:.3f}"
        f" nats above that of a logistic regression on the same features, in {len(lead)} items",
        "compare with it by compare=[logistic], and tune the rate by tune=16",
    )


@check(
    "Q504",
    "CIRCUIT_REPLACEABLE",
    Severity.NOTE,
    limit=MAX_EQUAL_SHARE,
    reason="one item of 100 may change its class by rounding and small angles",
    need=Requirement.DATA,
)
def replaceable_circuit(case: Case) -> Evidence | None:
    """Count predictions of a short training that stay without the circuit's trained weights."""
    sprint = case.data.sprint
    if sprint is None:
        return None
    predicted = sprint.find_logits().argmax(1)
    if len(predicted.unique()) < 2:
        return None
    for words, logits in _replace_circuit(sprint).items():
        share = float((logits.argmax(1) == predicted).double().mean())
        if share > MAX_EQUAL_SHARE:
            return Evidence(
                share,
                f"{share:.1%} of {len(predicted)} validation items have the same prediction with"
                f" {words}, after {sprint.epochs} epochs",
                "compare with compare=[twin,frozen_circuit] before the circuit is credited",
            )
    return None


@torch.no_grad()
def _replace_circuit(sprint: Sprint) -> dict[str, Float[Tensor, "items classes"]]:
    """Logits with something simpler in the circuit's place, by its name."""
    head: Module = sprint.ensemble.head
    if head.encode is None or head.run is None or sprint.ensemble.generator is not None:
        return {}
    inputs = head.encode(sprint.features.unsqueeze(0))
    weights = circuit_weights(head)
    outputs = head.run(inputs, weights)
    logits = {
        "no outputs of the circuit": head.decode(torch.zeros_like(outputs)),
        "weights of 0 in the circuit": head.decode(head.run(inputs, torch.zeros_like(weights))),
    }
    if inputs.shape == outputs.shape:
        logits["minus the sines of its inputs for the circuit"] = head.decode(-inputs.sin())
    return {words: values[0] for words, values in logits.items()}


def _is_long(exercise: FirstSteps) -> bool:
    """Whether it came so far that something could be learned."""
    return exercise.error is None and exercise.steps >= MIN_STEPS


def _is_at_chance(exercise: FirstSteps | None, case: Case) -> bool:
    """Whether the lowest loss is that of a constant prediction, and the last steps lower none."""
    if exercise is None or not _is_long(exercise):
        return False
    gain = _find_entropy(case.labels) - min(exercise.losses[1:])
    fall = exercise.losses[-LAST_STEPS - 1] - exercise.losses[-1]
    return abs(gain) < MIN_GAIN and fall < MIN_GAIN


def _find_entropy(labels: Int64[Tensor, " batch"]) -> float:
    """Loss of the best constant prediction, in nats."""
    labels = labels[labels != IGNORED_LABEL]
    shares = labels.bincount().double() / len(labels)
    present = shares[shares > 0]
    return float(-(present * present.log()).sum())


def _fit_batch(case: Case) -> float | None:
    """Training loss of a linear model after as many steps on the batch, in nats."""
    items = case.items.detach()
    if case.composition is not None:
        with torch.no_grad():
            model: Module = case.model.eval()
            items = model.features(items)[0]
    if not items.is_floating_point():
        return None
    items = items.flatten(1).double()
    deviation = items.std(0, correction=0)
    items = (items - items.mean(0)) / torch.where(deviation < 1e-6, 1, deviation)
    with torch.enable_grad():
        linear = torch.zeros(items.shape[1], case.classes, dtype=items.dtype, requires_grad=True)
        optimizer = torch.optim.Adam([linear], lr=0.01)
        for _ in range(MIN_STEPS):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(items @ linear, case.labels)
            loss.backward()
            optimizer.step()
    return float(loss.detach())


CHECKS = (loss_at_chance, collapsed_classes, rival_ahead, replaceable_circuit)
