"""Supply of rows, tunings and predictions: from the store, or trained now and kept."""

import dataclasses
import itertools
from collections.abc import Iterator

from qtlrun import store
from qtlrun.comparison.outcome import Failure, Outcome
from qtlrun.comparison.predictions import Predictions
from qtlrun.comparison.row import Row
from qtlrun.comparison.tuning import Trial, Tuning
from qtlrun.experiment.description import describe_row
from qtlrun.experiment.ensemble import Training
from qtlrun.experiment.evaluation import evaluate, rank_generator
from qtlrun.experiment.key import figures_key, row_keys
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.session import Session
from qtlrun.experiment.training import fit
from qtlrun.plan import Redraw, Variant
from qtlrun.store import Entry

# Keys of outcomes by seed, for the parts of each row that is wanted
Keys = dict[Parts, dict[int, str]]


def find_keys(session: Session, variant: Variant, redraw: Redraw) -> Keys:
    """Keys of a redraw's outcomes by seed, for the variant's parts with each draw."""
    redrawn = variant.redrawn(redraw.change)
    draws = variant.distinct_draws(redraw.draws) or [{}]
    candidates = [Parts(redrawn.changed(draw), session) for draw in draws]
    return {parts: row_keys(parts, redraw.seeds) for parts in candidates}


def trial_keys(wanted: Keys) -> dict[int, str]:
    """Keys of the trials of a variant's draws, by their number."""
    return {number: store.key(trial=keys) for number, keys in enumerate(wanted.values())}


def supply_rows(session: Session, name: str, wanted: Keys, splits: int) -> list[Row]:
    """Row of each parts and the seeds of its keys: stored outcomes, and others trained now.

    splits: how many parts, one after another, are those of one variant
    """
    results: dict[Training, Outcome | Failure] = {}
    missing = []
    for parts, keys in wanted.items():
        stored = session.find("row", keys)
        for seed in keys:
            if seed in stored:
                results[Training(parts, seed)] = Outcome.from_artifact(stored[seed])
            else:
                missing.append(Training(parts, seed))
    for program in fit(name, missing):
        results |= _evaluate(session, dict(program), wanted)
    rows = []
    for parts, keys in wanted.items():
        trained = {seed: results[Training(parts, seed)] for seed in keys}
        anew = any(training.parts is parts for training in missing)
        rows.append(_row(session, name, parts, keys, trained, stored=not anew))
    pairs = list(zip(wanted.items(), rows, strict=True))
    for start in range(0, len(pairs), splits):
        _add_rank(session, pairs[start : start + splits])
    return rows


def supply_tunings(session: Session, name: str, grid: list[Keys]) -> list[Tuning]:
    """Validate each draw on each redraw, unless the store has its trial; keep the best."""
    places = {}
    trials: list[dict[int, Trial]] = []
    for split, wanted in enumerate(grid):
        keys = trial_keys(wanted)
        stored = session.find("trial", keys)
        trials.append({number: Trial.from_artifact(each) for number, each in stored.items()})
        for number, parts in enumerate(wanted):
            places[parts] = split, number, keys[number]
    missing = {
        parts: list(grid[split][parts])
        for parts, (split, number, _) in places.items()
        if number not in trials[split]
    }
    best: list[dict[Training, Outcome | Failure]] = [{} for _ in grid]
    for parts, outcomes in _fit_all(name, missing):
        split, number, key = places[parts]
        trials[split][number] = Trial.of(outcomes.values())
        session.keep("trial", key, trials[split][number].to_artifact())
        if Tuning.of(trials[split]).winner == number:
            best[split] = {Training(parts, seed): each for seed, each in outcomes.items()}
    tunings = [Tuning.of(each) for each in trials]
    trained: dict[Training, Outcome | Failure] = {}
    for tuning, wanted, results in zip(tunings, grid, best, strict=True):
        winner = list(wanted)[tuning.best]
        trained |= {key: result for key, result in results.items() if key.parts is winner}
    _evaluate(session, trained, {parts: keys for wanted in grid for parts, keys in wanted.items()})
    return tunings


def supply_predictions(
    session: Session, name: str, wanted: list[tuple[Parts, list[int]]]
) -> list[Predictions]:
    """Predictions of parts from their seeds, each kept as soon as its last seed has ended."""
    keys = [figures_key(parts, seeds) for parts, seeds in wanted]
    stored = session.find("figures", dict(zip(keys, keys, strict=True)))
    predictions = {key: Predictions.from_artifact(each) for key, each in stored.items()}
    pairs = dict(zip(keys, wanted, strict=True))
    owners = {parts: key for key, (parts, _) in pairs.items() if key not in predictions}
    trainings = [Training(parts, seed) for parts, key in owners.items() for seed in pairs[key][1]]
    results: dict[str, dict[int, Outcome | Failure]] = {key: {} for key in owners.values()}
    for program in fit(name, trainings):
        for training, result in _test(dict(program)).items():
            key = owners[training.parts]
            results[key][training.seed] = result
            parts, seeds = pairs[key]
            if len(results[key]) == len(seeds):
                ended = results.pop(key)
                labels = parts.dataset.test.labels.numpy()
                predictions[key] = Predictions.of(
                    {seed: ended[seed] for seed in seeds}, labels, len(parts.dataset.classes)
                )
                session.keep("figures", key, predictions[key].to_artifact())
    return [predictions[key] for key in keys]


def _test(results: dict[Training, Outcome | Failure]) -> dict[Training, Outcome | Failure]:
    """Results with test logits and without weights, which take memory."""
    trained = {each: result for each, result in results.items() if isinstance(result, Outcome)}
    tested = dict(results)
    for training, outcome in evaluate(trained, detailed=False):
        if isinstance(outcome, Outcome):
            outcome = dataclasses.replace(outcome, weights={})
        tested[training] = outcome
    return tested


def _row(
    session: Session,
    name: str,
    parts: Parts,
    keys: dict[int, str],
    results: dict[int, Outcome | Failure],
    stored: bool,
) -> Row:
    """Row of results by seed; `stored` says that none of them was trained now."""
    outcomes = {seed: each for seed, each in results.items() if isinstance(each, Outcome)}
    errors = {seed: each.reason for seed, each in results.items() if isinstance(each, Failure)}
    return dataclasses.replace(
        describe_row(name, parts),
        outcomes=outcomes,
        errors=errors,
        stored=stored and not session.new_keys & set(keys.values()),
    )


def _evaluate(
    session: Session, results: dict[Training, Outcome | Failure], wanted: Keys
) -> dict[Training, Outcome | Failure]:
    """Evaluate trained outcomes on the test split and keep them; pass failures on."""
    trained = {each: result for each, result in results.items() if isinstance(result, Outcome)}
    evaluated = dict(results)
    for training, outcome in evaluate(trained):
        if isinstance(outcome, Outcome):
            key = wanted[training.parts][training.seed]
            session.keep("row", key, outcome.to_artifact())
        evaluated[training] = outcome
    return evaluated


def _fit_all(
    name: str, wanted: dict[Parts, list[int]]
) -> Iterator[tuple[Parts, dict[int, Outcome | Failure]]]:
    """Fit many parts from their seeds together; yield each when its last seed ends."""
    trainings = [Training(parts, seed) for parts, seeds in wanted.items() for seed in seeds]
    results: dict[Parts, dict[int, Outcome | Failure]] = {parts: {} for parts in wanted}
    for training, result in itertools.chain.from_iterable(fit(name, trainings)):
        results[training.parts][training.seed] = result
        if len(results[training.parts]) == len(wanted[training.parts]):
            # Weights take memory
            ended = results.pop(training.parts)
            yield training.parts, {seed: ended[seed] for seed in wanted[training.parts]}


def _add_rank(session: Session, pairs: list[tuple[tuple[Parts, dict[int, str]], Row]]) -> None:
    """Add the rank of a generator's Jacobian to the first finished training of all splits.

    It is expensive, so only there.
    """
    for (parts, keys), row in pairs:
        if row.outcomes and parts.generated:
            first = min(row.outcomes)
            rank = _rank(session, parts, first, keys[first], row.outcomes[first])
            row.outcomes[first] = row.outcomes[first].evaluated(0, rank, {})
            return


def _rank(
    session: Session, parts: Parts, seed: int, key: str, outcome: Outcome
) -> dict[str, float]:
    """Rank of the Jacobian of a training's generator, by name."""
    artifact = session.store.get("rank", key)
    if artifact is None:
        artifact = Entry(rank_generator(Training(parts, seed), outcome))
        session.store.put("rank", key, artifact)
    return artifact.values
