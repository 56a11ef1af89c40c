"""Sentences on games: gains, shares, interactions, differences, failures, design."""

from qtlrun.credit.contribution import Contribution, Contributions
from qtlrun.credit.game import Game
from qtlrun.report import sentence
from qtlrun.report.sentence import Note, count
from qtlrun.statistic.judge import NO_VERDICT

PHRASES = {
    "pre": "the first layer",
    "circuit": "the circuit's angles",
    "block": "the block's layer",
    "post": "the last layer",
}
PLURALS = ("circuit",)
NOT_TOLD = "not told from 0"
POINTS = 100  # of accuracy in 1


def state_credit(game: Game, contributions: Contributions) -> list[Note]:
    """Sentences on the gain of a row and on each of its players."""
    gains = contributions.select("gain", row=game.label)
    if not gains:
        return [Note(f"{game.label}: no seed finished in every coalition, so it has no shares.")]
    (whole,) = gains
    points = contributions.points(whole).interval.mean
    notes = [
        Note(
            f"{game.label}: training {whole.title} gains {whole.interval.mean:.3f} nats and"
            f" {POINTS * points:.1f} accuracy points over none."
        )
    ]
    shares = contributions.select("share", row=game.label)
    return [*notes, *(_state_share(game, share, whole, contributions) for share in shares)]


def state_interaction(contribution: Contribution) -> Note:
    """Sentence on a pair of players; on the terminal only where they do more or less together."""
    first, second = (PHRASES.get(name, name) for name in contribution.players)
    pair = f"{contribution.row}: {first} and {second}"
    if not contribution.is_told:
        return Note(f"{pair}: an interaction {doubt(contribution)}.", "")
    word = "more" if contribution.interval.mean > 0 else "less"
    return Note(f"{pair} bring {word} together than apart, {write(contribution)} nats.")


def state_difference(contribution: Contribution) -> Note:
    """Sentence on a difference between rows."""
    word = "more" if contribution.interval.mean > 0 else "less"
    word = word if contribution.is_told else doubt(contribution)
    return Note(f"{contribution.row}, {contribution.title}: {write(contribution)} nats, {word}.")


def state_failures(game: Game) -> list[Note]:
    """Trainings that failed, and what is left out by them."""
    notes = [error.at(game.label) for error in sentence.errors(game.comparison)]
    if game.is_whole:
        return notes
    most = max(map(game.comparison.trainings, game.comparison.labels), default=0)
    words = f"shares are of the {game.trainings} of {most} trainings"
    words = words if game.trainings else "there are no shares, for they are of trainings"
    return [*notes, Note(f"{game.label}: {words} that every coalition finished; no verdict.")]


def state_design(game: Game) -> Note:
    """Sentence on seeds, splits and test items."""
    comparison = game.comparison
    splits = len(comparison.splits)
    finished = [row for label in comparison.labels for row in comparison.of(label)]
    if not finished:
        return Note("No training was finished.")
    sizes = sorted({len(row.labels) for row in finished})
    sizes = list(dict.fromkeys((sizes[0], sizes[-1])))
    items = f"{' to '.join(map(str, sizes))} test {comparison.noun}s"
    tuned = "each coalition tuned alike" if comparison.tuned else "untuned recipe"
    trainings = max(map(comparison.trainings, comparison.labels))
    if trainings == 1:
        return Note(f"One training on {items}, {tuned}: no interval, no verdict.")
    where = f"on {splits} splits" if splits > 1 else "on one split"
    return Note(
        f"{count(trainings, 'training')} of each coalition {where}, {items} each, {tuned}; 95 %"
        f" intervals cover new trainings and new {comparison.noun}s."
    )


def write(contribution: Contribution, form: str = "+z.3f", scale: float = 1) -> str:
    """Mean with its interval; without one where it is of one training."""
    interval = contribution.interval
    text = f"{scale * interval.mean:{form}}"
    if contribution.is_single:
        return text
    return f"{text} [{scale * interval.low:{form}}, {scale * interval.high:{form}}]"


def doubt(contribution: Contribution) -> str:
    """Why nothing is concluded of a figure; empty where it is told from 0."""
    if contribution.is_told:
        return ""
    if not contribution.verdict.judged:
        return NO_VERDICT
    return f"{NOT_TOLD} after Holm's correction" if contribution.verdict.detectable else NOT_TOLD


def _state_share(
    game: Game, share: Contribution, whole: Contribution, contributions: Contributions
) -> Note:
    """Sentence on what a player accounts for."""
    (name,) = share.players
    numbers = game.players[game.index_of(name)].numbers
    verb = "account" if name in PLURALS else "accounts"
    brief = (
        f"{game.label}: {PHRASES.get(name, name)} ({count(numbers, 'number')})"
        f" {verb} for {_write_part(share, whole, '.3f', 1)} nats{_add_doubt(share)}"
    )
    share, whole = contributions.points(share), contributions.points(whole)
    points = f"{_write_part(share, whole, '.1f', POINTS)} accuracy points{_add_doubt(share)}"
    return Note(f"{brief}; for {points}.", f"{brief}.")


def _write_part(share: Contribution, whole: Contribution, form: str, scale: float) -> str:
    """Share and the gain that it is of, with its interval."""
    interval = share.interval
    text = f"{scale * interval.mean:{form}}"
    ends = f" ({scale * interval.low:{form}} to {scale * interval.high:{form}})"
    ends = "" if share.is_single else ends
    return f"{text}{ends} of the {scale * whole.interval.mean:{form}}"


def _add_doubt(contribution: Contribution) -> str:
    """Doubt behind a comma."""
    return f", {doubt(contribution)}" if doubt(contribution) else ""
