"""Answer to the question whether a circuit helps, and the words that a table needs."""

from qtlrun import statistic
from qtlrun.comparison.comparison import Comparison
from qtlrun.plan import Plan
from qtlrun.report.sentence.contrast import contradiction
from qtlrun.report.sentence.note import Note

# A classical block in the circuit's place, and the circuit untrained: both isolate the circuit.
CONTROLS = ("twin", "frozen_circuit")


def answer(plan: Plan, comparison: Comparison, margin: statistic.Margin | float) -> list[Note]:
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
    elif any(comparison.dead(label) for label in rows):
        reply = "No verdict: trainings died."
    elif any(
        contradiction(comparison, name, word, accuracies[name]) for name, word in words.items()
    ):
        reply = "Undecided: NLL and accuracy disagree."
    else:
        reply = f"{_reply(set(words.values()))}: {_reasons(comparison.composed, words, verdicts)}."
    mark = " (exploratory)" if set(CONTROLS) & set(comparison.exploratory) else ""
    where = " on this split" * comparison.one_split
    return [Note(f"Does the circuit help{where}{mark}? {reply}")]


def legend(comparison: Comparison, margin: statistic.Margin | float) -> list[Note]:
    """Words of the table and of the conclusions under it."""
    verdicts = comparison.contrasts(margin).values()
    sizes = [verdict.need for verdict in verdicts]
    named = any(need.seeds or need.pictures or need.splits or need.both for need in sizes)
    notes = [likelihood(comparison)]
    if verdicts:
        seen = any(verdict.equivalent for verdict in verdicts)
        notes.append(equivalence(margin, seen=seen))
    return [*notes, *[needs(margin)] * named]


def equivalence(margin: statistic.Margin | float, *, seen: bool) -> Note:
    """Rule of equivalence, which the terminal shows where it was met."""
    words = statistic.Margin.of(margin).words()
    brief = f"Equivalent: the 90 % interval lies inside +-{words}; it does not mean equal."
    return Note(
        f"Equivalent: the 90 % interval of the difference in NLL lies inside +-{words}: two"
        " one-sided tests at 5 % (Schuirmann 1987). It does not mean equal: where the 95 %"
        " interval excludes 0 as well, the sentence says which row is detectably better.",
        brief if seen else "",
    )


def likelihood(comparison: Comparison) -> Note:
    """Figure that models are compared by."""
    items = f"test {comparison.noun}s"
    return Note(f"NLL: negative log-likelihood of the {items} in nats, lower is better.")


def needs(margin: statistic.Margin | float) -> Note:
    """Sizes that a contrast needs."""
    words = statistic.Margin.of(margin).words()
    return Note(f"Needs: the sizes that detect a difference of {words} in four runs of five.")


def _isolates(plan: Plan, comparison: Comparison, name: str) -> bool:
    """Whether a reference isolates what its file claims, with nothing else changed."""
    return comparison.isolates[name] == plan.changes.get(name, {}).get("isolates")


def _reply(words: set[str]) -> str:
    """Reply from the verdicts on the controls."""
    if words == {"better"}:
        return "Yes"
    if "worse" in words or words <= {"equivalent", "equivalent if none dies"}:
        return "No"
    return "Undecided" if "undecided" in words else "In part"


def _reasons(composed: str, words: dict[str, str], verdicts: dict[str, statistic.Verdict]) -> str:
    """Verdicts on the controls in words, those of one kind together."""
    phrases = []
    for word, phrase, join in (
        ("better", f"{composed} is better than", " and "),
        ("worse", f"{composed} is worse than", " and "),
        ("equivalent", f"{composed} is within the margin of", " and "),
        ("equivalent if none dies", f"{composed}, if none dies, is within the margin of", " and "),
        ("undecided", f"this run cannot tell {composed} from", " or "),
    ):
        names = [name + _side(verdicts[name]) for name in words if words[name] == word]
        if names:
            phrases.append(f"{phrase} {join.join(names)}")
    return "; ".join(phrases)


def _side(verdict: statistic.Verdict) -> str:
    """Side of a detectable difference that is within the margin, in brackets."""
    if not (verdict.equivalent and verdict.detectable):
        return ""
    return f" (detectably {verdict.side})"
