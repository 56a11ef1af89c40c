"""Answer to the question whether a circuit helps, and the words that a table needs."""

from qtlrun.comparison.comparison import Comparison
from qtlrun.plan import Plan
from qtlrun.report.sentence.contrast import contradiction
from qtlrun.report.sentence.note import Note

# A classical block in the circuit's place, and the circuit untrained: both isolate the circuit.
CONTROLS = ("twin", "frozen_circuit")


def answer(plan: Plan, comparison: Comparison, margin: float) -> list[Note]:
    """Whether the circuit helps, from the verdicts on its two controls.

    Nothing of a plan that lacks one of them, or whose composed model has no trained circuit.
    """
    verdicts = comparison.contrasts(margin)
    if not all(name in verdicts and _isolates(plan, comparison, name) for name in CONTROLS):
        return []
    accuracies = comparison.accuracy_contrasts()
    words = {name: verdicts[name].word for name in CONTROLS}
    rows = (comparison.composed, *CONTROLS)
    if any(comparison.failures(label) for label in rows):
        reply = "No verdict: trainings failed."
    elif any(
        contradiction(comparison, name, word, accuracies[name]) for name, word in words.items()
    ):
        reply = "Undecided: NLL and accuracy disagree."
    else:
        reply = f"{_reply(set(words.values()))}: {_reasons(comparison.composed, words)}."
    return [Note(f"Does the circuit help? {reply}")]


def legend(comparison: Comparison, margin: float) -> list[Note]:
    """Words of the table and of the conclusions under it; `margin` is in nats."""
    sizes = [verdict.need for verdict in comparison.contrasts(margin).values()]
    named = any(need.seeds or need.pictures or need.splits or need.both for need in sizes)
    return [likelihood(comparison), *[needs(margin)] * named]


def likelihood(comparison: Comparison) -> Note:
    """Figure that models are compared by."""
    items = f"test {comparison.noun}s"
    return Note(f"NLL: negative log-likelihood of the {items} in nats, lower is better.")


def needs(margin: float) -> Note:
    """Sizes that a contrast needs; `margin` is in nats."""
    difference = f"a difference of {margin:g} nats"
    return Note(f"Needs: the sizes that detect {difference} in four runs of five.")


def _isolates(plan: Plan, comparison: Comparison, name: str) -> bool:
    """Whether a reference isolates what its file claims, with nothing else changed."""
    return comparison.isolates[name] == plan.changes.get(name, {}).get("isolates")


def _reply(words: set[str]) -> str:
    """Reply from the verdicts on the controls."""
    if words == {"better"}:
        return "Yes"
    if "worse" in words or words == {"equivalent"}:
        return "No"
    return "Undecided" if "undecided" in words else "In part"


def _reasons(composed: str, words: dict[str, str]) -> str:
    """Verdicts on the controls in words, those of one kind together."""
    phrases = []
    for word, phrase, join in (
        ("better", f"{composed} is better than", " and "),
        ("worse", f"{composed} is worse than", " and "),
        ("equivalent", f"{composed} is equivalent to", " and "),
        ("undecided", f"this run cannot tell {composed} from", " or "),
    ):
        names = [name for name, verdict in words.items() if verdict == word]
        if names:
            phrases.append(f"{phrase} {join.join(names)}")
    return "; ".join(phrases)
