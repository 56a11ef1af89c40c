"""Costs of a training: trained parameters, circuit evaluations, processor executions."""

from collections.abc import Mapping

import torch

from qtlrun.batch import joins, steps
from qtlrun.experiment.ensemble import Ensemble
from qtlrun.experiment.network import Module
from qtlrun.parametrization.generated import HEAD


def count_costs(ensemble: Ensemble, epochs: int) -> dict[str, float]:
    """Counts of one run's training over so many epochs, by name.

    Trained parameters by place, circuit evaluations here, executions on a processor; of generated
    weights also what generates them.
    """
    angles = trained_angles(ensemble)
    circuit = 0 if angles is None else angles.numel() // len(ensemble.trainings)
    counts = {
        "parameters_circuit": circuit,
        "parameters_head": _count_head(ensemble) - circuit,
        "parameters_backbone": _count_backbone(ensemble, epochs),
    }
    sizes = {name: data.count for name, data in ensemble.data.items()}
    counts |= count_circuits(ensemble.head, epochs, sizes)
    for name, cost in _generator_costs(ensemble, epochs).items():
        counts[name] = counts.get(name, 0) + cost
    return counts | _generator_counts(ensemble)


def count_circuits(head: Module, epochs: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """Circuit evaluations and processor executions of one run's head; empty without a circuit.

    `sizes` are the items of each split.
    """
    if head.executions is None:
        return {}
    steps = epochs * sizes["train"]
    looks = epochs * sizes["validation"] + sizes["test"]
    return {
        "evaluations": (steps + looks) * head.circuits,
        "executions": steps * head.executions() + looks * head.circuits * head.bases,
    }


def trained_angles(ensemble: Ensemble) -> torch.Tensor | None:
    """Trained angles of the head's circuit, of all runs, if it has some; not generated ones."""
    if f"{HEAD}angles" in ensemble.parts.generated:
        return None
    angles = ensemble.head.angles
    return angles if isinstance(angles, torch.Tensor) and angles.requires_grad else None


def generator_angles(ensemble: Ensemble) -> int:
    """Count of a generator's trained angles, of one run."""
    angles = ensemble.generator.raw.angles
    return angles[0].numel() if angles is not None and angles.requires_grad else 0


def _count_head(ensemble: Ensemble) -> int:
    """Trained parameters of one run's head, its circuit among them."""
    trained = [weight for weight in ensemble.head.parameters() if weight.requires_grad]
    return sum(weight.numel() for weight in trained) // len(ensemble.trainings)


def _count_backbone(ensemble: Ensemble, epochs: int) -> int:
    """Backbone weights trained in any epoch; the last one has the fewest frozen."""
    if ensemble.backbone is None:
        return 0
    stages = ensemble.backbone.stages
    frozen = ensemble.parts.freeze.count(len(stages), epochs - 1)
    return sum(weight.numel() for stage in stages[frozen:] for weight in stage.parameters)


def _generator_counts(ensemble: Ensemble) -> dict[str, float]:
    """Sizes of one run's generator by name; nothing where there is none."""
    generator = ensemble.generator
    if generator is None:
        return {}
    angles = generator_angles(ensemble)
    weights = sum(generator.sizes)
    counts = {
        "weights_generated": weights,
        "parameters_mapping": generator.trained - angles,
        "compression": weights / max(1, generator.trained),
    }
    if generator.simulates:
        counts["generator_qubits"] = generator.raw.qubits
        counts["generator_gates"] = generator.raw.gates
        if angles:
            counts["executions_step"] = _count_executions(ensemble)
    return counts


def _generator_costs(ensemble: Ensemble, epochs: int) -> dict[str, int]:
    """Trained angles, evaluations and executions of one run's generator."""
    generator = ensemble.generator
    if generator is None or not generator.simulates:
        return {}
    angles = generator_angles(ensemble)
    if not angles:
        # The same probabilities all along
        return {"evaluations": 1, "executions": 1}
    parts = ensemble.parts
    looks = epochs + 1
    joined = joins(ensemble.whole, ensemble.backbone, parts.freeze)
    items = ensemble.data["train"].count
    count = epochs * steps(items, parts.recipe.batch_size, joined)
    return {
        "parameters_circuit": angles,
        "evaluations": count + looks,
        "executions": count * _count_executions(ensemble) + looks,
    }


def _count_executions(ensemble: Ensemble) -> int:
    """Executions of one step by the parameter-shift rule.

    Its value, and two per rotation whose angle is trained. Source: arXiv:1811.11184.
    """
    return 1 + 2 * len(ensemble.generator.raw.run.reading.trained)
