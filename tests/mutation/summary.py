"""Summary of the trials as Markdown."""

from collections.abc import Callable, Iterator
from pathlib import Path

from mutant import ROOMS, Mutant
from trial import BOX_S, Outcome, Trials

Pair = tuple[Mutant, Outcome]


def summarize(trials: Trials, seed: int) -> str:
    """What was tried and found, with the mutants that no test found, as Markdown."""
    pairs = list(zip(trials.mutants, trials.outcomes, strict=True))
    return "\n".join(_lines(pairs, len(trials.items), seed))


def _lines(pairs: list[Pair], tests: int, seed: int) -> Iterator[str]:
    found = sum(outcome.found for _, outcome in pairs)
    yield (
        f"{len(pairs)} single changes of different lines (seed {seed}), drawn at random from what"
        f" the functions of {len(ROOMS)} rooms execute, each line as likely as another. On each,"
        " the tests that run the line are tried, those of its room before those of others,"
        f" cheap ones first, until one fails or {BOX_S} s of processor time are spent. A test that"
        " runs the line in a process of its own is not among them. Messages, defaults of"
        " arguments, values of classes and annotations are not changed.\n"
    )
    yield f"**{found} of {len(pairs)} are found by {tests:,} tests ({found / len(pairs):.1%}).**\n"
    yield from _table("room", pairs, lambda mutant: Path(mutant.path).parts[1])
    yield from _table("change", pairs, lambda mutant: mutant.change)
    yield "### Mutants that no test found\n"
    yield "| line | before | after | tests |\n| --- | --- | --- | --- |"
    for mutant, outcome in sorted(pairs, key=lambda pair: (pair[0].path, pair[0].line)):
        if not outcome.found:
            yield (
                f"| {mutant.path.removeprefix('qtlrun/')}:{mutant.line} | {_cell(mutant.before)} |"
                f" {_cell(mutant.after)} | {_tests(outcome)} |"
            )


def _table(title: str, pairs: list[Pair], kind: Callable[[Mutant], str]) -> Iterator[str]:
    yield f"| {title} | mutants | found | share |\n| --- | --- | --- | --- |"
    for name in sorted({kind(mutant) for mutant, _ in pairs}):
        outcomes = [outcome.found for mutant, outcome in pairs if kind(mutant) == name]
        yield (
            f"| {name} | {len(outcomes)} | {sum(outcomes)} | {sum(outcomes) / len(outcomes):.0%} |"
        )
    yield ""


def _tests(outcome: Outcome) -> str:
    if outcome.passed < outcome.reached:
        return f"{outcome.passed} of {outcome.reached}"
    return str(outcome.reached) if outcome.reached else "none reaches it"


def _cell(code: str) -> str:
    return f"`{code.replace('|', chr(92) + '|')}`"
