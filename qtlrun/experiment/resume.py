"""The state of a long training, which lies in the store until its rows are finished."""

from qtlrun import store
from qtlrun.checkpoint import Keeper, State
from qtlrun.experiment.ensemble import Run
from qtlrun.store import Entry

KIND = "progress"  # of entry


def keeper(runs: list[Run]) -> Keeper | None:
    """Where the training of these runs leaves its state; none for one whose chances come from a
    stream.
    """
    parts, name = runs[0].parts, _name(runs)
    kept, fresh = parts.session.store, parts.session.fresh

    def get() -> State | None:
        found = None if fresh else kept.get(KIND, name)
        return found and found.arrays

    return (
        Keeper(get, lambda state: kept.put(KIND, name, Entry({}, state))) if parts.exact else None
    )


def forget(runs: list[Run]) -> None:
    """Drop the state of a training that has ended."""
    runs[0].parts.session.store.drop(KIND, _name(runs))


def _name(runs: list[Run]) -> str:
    return store.key(
        progress=[run.parts.key(run.seed) for run in runs], given=runs[0].parts.given_key
    )
