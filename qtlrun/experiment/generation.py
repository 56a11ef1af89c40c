"""What is said of a generator: its sizes, the directions that it can move the weights in, what
shots make of it.
"""

import torch

from qtlrun import train
from qtlrun.experiment import ensemble as models
from qtlrun.experiment import feature
from qtlrun.experiment.ensemble import Model, Run
from qtlrun.parametrization import generator as generators
from qtlrun.store import Entry

SHOTS = tuple(10**power for power in range(3, 9))


def counts(model: Model) -> dict[str, float]:
    """Numbers of one run's generator by name; nothing where there is none.

    Executions are those of the parameter-shift rule.
    """
    made = model.generator
    if made is None:
        return {}
    angles, weights = _angles(model), sum(made.sizes)
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


def costs(model: Model) -> dict[str, int]:
    """Angles that are trained, evaluations of the generator's circuit here, and executions on a
    processor, of one run's training.
    """
    made = model.generator
    if made is None or not made.simulates:
        return {}
    if not _angles(model):
        return {"evaluations": 1, "executions": 1}  # the same probabilities all along
    recipe, looks = model.runs[0].parts.recipe, model.runs[0].parts.recipe.epochs + 1
    joined = train.joins(model.whole, model.backbone, model.runs[0].parts.freeze)
    steps = recipe.epochs * train.steps(len(model.data["train"].labels), recipe.batch_size, joined)
    return {
        "parameters_circuit": _angles(model),
        "evaluations": steps + looks,
        "executions": steps * _executions(model) + looks,
    }


@torch.no_grad()
def measured(model: Model) -> list[Entry]:
    """For each run its live angles, and the test accuracy with probabilities that were estimated
    from shots.
    """
    made, runs = model.generator, range(len(model.runs))
    if made is None or not made.simulates:
        return [Entry({}) for _ in runs]
    live = [generators.live(made, run) if _angles(model) else 0 for run in runs]
    data, seeds = model.data["test"], [run.seed for run in model.runs]
    found = torch.stack(
        [
            train.score(
                train.evaluate(model.whole, data, len(seeds), made.raw.estimated(shots, seeds)),
                data.labels,
            )[1]
            for shots in SHOTS
        ]
    )
    return [
        Entry(
            {"angles_live": live[run]},
            {"shots": torch.tensor(SHOTS).numpy(), "shots_accuracy": found[:, run].numpy()},
        )
        for run in runs
    ]


def ranked(run: Run, learned: Entry) -> Entry:
    """The rank of a finished run's map, by name; nothing where its Jacobian is too large."""
    model = models.build([run])
    models.load(model, [learned])
    with feature.threads(model.backbone):
        rank = generators.rank(model.generator, 0)
    return Entry({} if rank is None else {"generator_rank": rank})


def _angles(model: Model) -> int:
    """Trained angles of one run."""
    angles = getattr(model.generator.raw, "angles", None)
    return angles[0].numel() if angles is not None and angles.requires_grad else 0


def _executions(model: Model) -> int:
    """What one step costs a quantum processor: its value, and two for each rotation whose angle is
    trained (arXiv:1811.11184).
    """
    return 1 + 2 * len(model.generator.raw.run.reading.trained)
