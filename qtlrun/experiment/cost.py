"""Costs of a training: trained parameters, circuit evaluations, and executions on a processor."""

import torch

from qtlrun import train
from qtlrun.experiment.ensemble import Model
from qtlrun.experiment.parts import Parts


def counts(model: Model) -> dict[str, int]:
    """Trained parameters by place; circuit evaluations here, and executions on a processor, of one
    seed's training.
    """
    parts = model.runs[0].parts
    runs = len(model.runs)
    epochs = model.runs[0].parts.recipe.epochs
    angles = trained_angles(model)
    circuit = 0 if angles is None else angles.numel() // runs
    head = (
        sum(one.numel() for one in model.head.parameters() if one.requires_grad) // runs - circuit
    )
    backbone = _trained_backbone(model, parts)
    counts = {
        "parameters_circuit": circuit,
        "parameters_head": head,
        "parameters_backbone": backbone,
    }
    if callable(getattr(model.head, "executions", None)):
        steps = epochs * len(model.data["train"].labels)
        looks = epochs * len(model.data["validation"].labels) + len(model.data["test"].labels)
        counts |= {
            "evaluations": steps + looks,
            "executions": steps * model.head.executions() + looks,
        }
    for name, cost in _generator_costs(model).items():
        counts[name] = counts.get(name, 0) + cost
    return counts | _generator_counts(model)


def trained_angles(model: Model) -> torch.Tensor | None:
    """The trained angles of a head's circuit, if it has some."""
    angles = getattr(model.head, "angles", None)
    return angles if isinstance(angles, torch.Tensor) and angles.requires_grad else None


def generator_angles(model: Model) -> int:
    """Trained angles of one run."""
    angles = getattr(model.generator.raw, "angles", None)
    return angles[0].numel() if angles is not None and angles.requires_grad else 0


def _trained_backbone(model: Model, parts: Parts) -> int:
    """Count of backbone weights trained in any epoch; the last one has the fewest frozen."""
    if model.backbone is None:
        return 0
    frozen = parts.freeze.count(len(model.backbone.stages), parts.recipe.epochs - 1)
    return sum(one.numel() for stage in model.backbone.stages[frozen:] for one in stage.parameters)


def _generator_counts(model: Model) -> dict[str, float]:
    """Numbers of one run's generator by name; nothing where there is none.

    Executions are those of the parameter-shift rule.
    """
    made = model.generator
    if made is None:
        return {}
    angles = generator_angles(model)
    weights = sum(made.sizes)
    said = {
        "weights_generated": weights,
        "parameters_mapping": made.trained - angles,
        "compression": weights / max(1, made.trained),
    }
    if not made.simulates:
        return said
    return (
        said
        | {"generator_qubits": made.raw.qubits, "generator_gates": made.raw.gates}
        | ({"executions_step": _executions(model)} if angles else {})
    )


def _generator_costs(model: Model) -> dict[str, int]:
    """Angles that are trained, evaluations of the generator's circuit here, and executions on a
    processor, of one run's training.
    """
    made = model.generator
    if made is None or not made.simulates:
        return {}
    if not generator_angles(model):
        return {"evaluations": 1, "executions": 1}  # the same probabilities all along
    recipe = model.runs[0].parts.recipe
    looks = model.runs[0].parts.recipe.epochs + 1
    joined = train.joins(model.whole, model.backbone, model.runs[0].parts.freeze)
    steps = recipe.epochs * train.steps(len(model.data["train"].labels), recipe.batch_size, joined)
    return {
        "parameters_circuit": generator_angles(model),
        "evaluations": steps + looks,
        "executions": steps * _executions(model) + looks,
    }


def _executions(model: Model) -> int:
    """Executions of one step: its value, and two per rotation whose angle is trained.

    Source: arXiv:1811.11184.
    """
    return 1 + 2 * len(model.generator.raw.run.reading.trained)
