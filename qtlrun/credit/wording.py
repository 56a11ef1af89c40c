"""Sentences on accounts: gains, shares, interactions, differences, failures, design."""

from qtlrun.credit.account import Account
from qtlrun.credit.posting import Posting, Postings
from qtlrun.report import sentence
from qtlrun.report.sentence import Note, count

PHRASES = {
    "pre": "the first layer",
    "circuit": "the circuit's angles",
    "block": "the block's layer",
    "post": "the last layer",
}
PLURALS = ("circuit",)
NOT_TOLD = "not told from 0"
NO_VERDICT = "no verdict"
POINTS = 100  # of accuracy in 1


def state_credit(account: Account, postings: Postings) -> list[Note]:
    """Sentences on the gain of a row and on each of its parts."""
    gains = postings.select("gain", row=account.label)
    if not gains:
        return [Note(f"{account.label}: no seed finished in every coalition, so it has no shares.")]
    (whole,) = gains
    points = postings.points(whole).interval.mean
    notes = [
        Note(
            f"{account.label}: training {whole.parts} gains {whole.interval.mean:.3f} nats and"
            f" {POINTS * points:.1f} accuracy points over none."
        )
    ]
    shares = postings.select("share", row=account.label)
    return [*notes, *(_state_share(account, share, whole, postings) for share in shares)]


def state_interaction(posting: Posting) -> Note:
    """Sentence on a pair of parts; on the terminal only where they do more or less together."""
    first, second = (PHRASES.get(name, name) for name in posting.parts.split(" x "))
    pair = f"{posting.row}: {first} and {second}"
    if not posting.is_told:
        return Note(f"{pair}: an interaction {doubt(posting)}.", "")
    word = "more" if posting.interval.mean > 0 else "less"
    return Note(f"{pair} bring {word} together than apart, {write(posting)} nats.")


def state_difference(posting: Posting) -> Note:
    """Sentence on a difference between rows."""
    word = "more" if posting.interval.mean > 0 else "less"
    word = word if posting.is_told else doubt(posting)
    return Note(f"{posting.row}, {posting.parts}: {write(posting)} nats, {word}.")


def state_failures(account: Account) -> list[Note]:
    """Trainings that failed, and what is left out by them."""
    notes = [error.at(account.label) for error in sentence.errors(account.comparison)]
    if account.is_whole:
        return notes
    most = max(map(account.comparison.trainings, account.comparison.labels), default=0)
    words = f"shares are of the {account.trainings} of {most} trainings"
    words = words if account.trainings else "there are no shares, for they are of trainings"
    return [*notes, Note(f"{account.label}: {words} that every coalition finished; no verdict.")]


def state_design(account: Account) -> Note:
    """Sentence on seeds, splits and test items."""
    comparison = account.comparison
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


def write(posting: Posting, form: str = "+z.3f", scale: float = 1) -> str:
    """Mean with its interval; without one where it is of one training."""
    interval = posting.interval
    text = f"{scale * interval.mean:{form}}"
    if posting.is_single:
        return text
    return f"{text} [{scale * interval.low:{form}}, {scale * interval.high:{form}}]"


def doubt(posting: Posting) -> str:
    """Why nothing is concluded of a figure; empty where it is told from 0."""
    if posting.is_told:
        return ""
    if not posting.verdict.judged:
        return NO_VERDICT
    return f"{NOT_TOLD} after Holm's correction" if posting.verdict.detectable else NOT_TOLD


def _state_share(account: Account, share: Posting, whole: Posting, postings: Postings) -> Note:
    """Sentence on what a part accounts for."""
    numbers = account.members[account.index_of(share.parts)].numbers
    verb = "account" if share.parts in PLURALS else "accounts"
    brief = (
        f"{account.label}: {PHRASES.get(share.parts, share.parts)} ({count(numbers, 'number')})"
        f" {verb} for {_write_part(share, whole, '.3f', 1)} nats{_add_doubt(share)}"
    )
    share, whole = postings.points(share), postings.points(whole)
    points = f"{_write_part(share, whole, '.1f', POINTS)} accuracy points{_add_doubt(share)}"
    return Note(f"{brief}; for {points}.", f"{brief}.")


def _write_part(share: Posting, whole: Posting, form: str, scale: float) -> str:
    """Share and the gain that it is of, with its interval."""
    interval = share.interval
    text = f"{scale * interval.mean:{form}}"
    ends = f" ({scale * interval.low:{form}} to {scale * interval.high:{form}})"
    ends = "" if share.is_single else ends
    return f"{text}{ends} of the {scale * whole.interval.mean:{form}}"


def _add_doubt(posting: Posting) -> str:
    """Doubt behind a comma."""
    return f", {doubt(posting)}" if doubt(posting) else ""
