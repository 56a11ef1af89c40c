"""Sentences under a table: conclusions, how to read it, what was held fixed, failures."""

import math

import pandas as pd

from qtlrun import statistic
from qtlrun.comparison.comparison import Point
from qtlrun.comparison.row import SATURATED, Duplicates, Row

TRAINED = ("parameters_circuit", "parameters_head", "parameters_backbone")
NEARLY = 0.05  # share by which same_count may miss the count
MOST_SATURATED = 0.2  # share of squashed inputs above which a row is named
LEAST_NORM = 0.99  # of a state inside its cutoff
DIGITS = 12  # of a file's hash that are shown
SHOTS = 10**6  # at which a generated row's accuracy is named


def contrasts(point: Point, margin: float) -> list[str]:
    """One sentence a contrast, named for what it isolates, saying what the numbers allow and no
    more.

    What the accuracies have against a verdict is part of it.
    """
    accuracies = point.accuracy_contrasts()
    lines = []
    for label, verdict in point.contrasts(margin).items():
        gap = verdict.interval
        accuracy = accuracies[label]
        lines.append(
            f"{point.composed} - {label}, {point.isolates[label]}: {gap.mean:+z.3f} nats of NLL"
            f" [{gap.low:+z.3f}, {gap.high:+z.3f}] ({noise(gap, point.noun)}), accuracy"
            f" {difference(accuracy.interval)}: {_ending(point, label, verdict, accuracy, margin)}"
        )
    return lines


def _ending(
    point: Point, label: str, verdict: statistic.Verdict, accuracy: statistic.Verdict, margin: float
) -> str:
    """The verdict in words, with what contradicts it."""
    composed = point.composed
    if missing := failures(point, label):
        return f"no verdict, for {missing}; these figures are of the others."
    if verdict.word == "undecided":
        against = f" by NLL, its accuracy {accuracy.word}" if accuracy.detectable else ""
        return f"undecided{against}; {_would_decide(verdict, margin, point.noun)}"
    if verdict.word == "equivalent":
        detectable = ", the difference detectable, below the margin" if verdict.detectable else ""
        against = (
            f", but the accuracy of {composed} is {accuracy.word}" if accuracy.detectable else ""
        )
        return f"equivalent within the margin of {margin:g}{detectable}{against}."
    against = ""
    if accuracy.detectable and accuracy.word != verdict.word:
        against = f" by NLL alone: its accuracy is {accuracy.word}"
    elif not point.beats_chance(winner := composed if verdict.word == "better" else label):
        against = f" by NLL alone: the accuracy of {winner} is not shown to be above chance"
    return f"{composed} is {verdict.word}{against}."


def failures(point: Point, label: str) -> str:
    """How many trainings of a contrast failed, in words; empty where none did."""
    rows = {name: point.failures(name) for name in (point.composed, label)}
    words = [
        f"{number} of {count(point.trainings(name), 'training')} of {name}"
        for name, number in rows.items()
        if number
    ]
    return f"{' and '.join(words)} failed" if words else ""


def difference(gap: statistic.Interval) -> str:
    """A difference of accuracies with its interval."""
    return f"{gap.mean:+z.3f} [{gap.low:+z.3f}, {gap.high:+z.3f}]"


def chance(point: Point) -> list[str]:
    """A line of the rows whose accuracy is not above that of naming the largest class for every
    item.
    """
    rows = [label for label in point.labels if point.of(label) and not point.beats_chance(label)]
    if not rows:
        return []
    accuracies = ((label, point.accuracy(label)) for label in rows)
    words = [f"{label} {one.mean:.3f} [{one.low:.3f}, {one.high:.3f}]" for label, one in accuracies]
    return [
        f"Not shown to be above chance, which is {point.chance(rows[0]):.3f} (the largest class for"
        f" every test {point.noun}): {', '.join(words)}."
    ]


def generated(point: Point) -> list[str]:
    """One line a row whose weights are generated: how many by how many numbers, by what, and what
    shots leave of its accuracy.
    """
    lines = [
        f"{label}: {_generated(point.metrics(label))}{_measured(point, label)}."
        for label in point.generated
    ]
    totals = {
        label: (
            point.metrics(label)[[*TRAINED]].sum(axis=1).iloc[0]
            + point.metrics(label).get("parameters_mapping", pd.Series([0])).iloc[0]
        )
        for label in {point.composed, "same_count"}
        if point.of(label)
    }
    if len(totals) == 2 and abs(totals["same_count"] / totals[point.composed] - 1) > NEARLY:
        lines.append(
            f"same_count trains {totals['same_count']:.0f} numbers and {point.composed}"
            f" {totals[point.composed]:.0f}: not the same count; give it other widths."
        )
    return lines


def _generated(metrics: pd.DataFrame) -> str:
    """Numbers against weights; of a circuit its angles, size, and cost.

    Whole numbers, the same for every seed but the rank.
    """
    mean = metrics.mean()
    weights = round(mean["weights_generated"])
    mapping = round(mean["parameters_mapping"])
    numbers = round(weights / mean["compression"])
    fewer = (
        "no compression"
        if numbers >= weights
        else f"{mean['compression']:{'.2f' if mean['compression'] < 2 else '.1f'}} times fewer"
    )
    said = [f"{numbers} numbers generate {weights} weights: {fewer}"]
    if "generator_qubits" in mean:
        live = (
            f"{mean['angles_live']:.0f} of {numbers - mapping} angles live"
            if numbers > mapping
            else "no angle trained"
        )
        said += [
            f"{live}, mapping {mapping}",
            (
                f"{count(round(mean['generator_qubits']), 'qubit')}, {mean['generator_gates']:.0f}"
                " gates"
            ),
        ]
    if "generator_rank" in mean:
        rank = metrics["generator_rank"].dropna()  # of one seed
        said.append(f"Jacobian's rank {rank.iloc[0]:.0f} (seed {rank.index[0][1]})")
    if "executions_step" in mean:
        said.append(
            f"{count(round(mean['executions_step']), 'execution')} a"
            f" step{' by parameter-shift' * (numbers > mapping)}"
        )
    return "; ".join(said)


def _measured(point: Point, label: str) -> str:
    """The accuracy at so many shots beside the exact one."""
    shots = point.shots(label)
    exact = point.metrics(label)["test_accuracy"].mean()
    return (
        f"; accuracy {shots[SHOTS].mean():.3f} at 10^{math.log10(SHOTS):.0f} shots, {exact:.3f}"
        " exact"
        if SHOTS in shots
        else ""
    )


def foot(point: Point, reads: int) -> list[str]:
    """How to read the table; `reads` is how many plans have read its test items."""
    rows = [row for split in point.splits for row in split.values() if row.outcomes]
    if not rows:
        return []
    seeds = max(len(row.outcomes) + len(row.errors) for row in rows)
    sizes = sorted({len(row.labels) for row in rows})
    splits = len(point.splits)
    items = f"{' to '.join(map(str, dict.fromkeys((sizes[0], sizes[-1]))))} test {point.noun}s"
    if splits > 1:
        lines = [
            f"{splits} splits of {count(seeds, 'seed')}, {items} each; 95 % intervals over "
            + (
                "data drawn anew;"
                if rows[0].independent
                else "splits of this pool (Nadeau and Bengio);"
            )
        ]
    elif seeds == 1:
        lines = [f"One seed on {items}; 95 % intervals over {point.noun}s alone;"]
    else:
        lines = [f"{seeds} seeds on the same {items}; 95 % intervals over seeds and {point.noun}s;"]
    lines[0] += (
        " trained: circuit + rest of the generator + head + backbone; gap: accuracy on the whole"
        " training split - accuracy; seconds per seed."
        if point.generated
        else " trained: circuit + head + backbone; seconds per seed."
    )
    lone = [
        label
        for label in point.labels
        if seeds > 1 == splits and point.of(label) and len(point.of(label)[0].outcomes) == 1
    ]
    if lone:
        lines.append(
            f"One seed was finished of {', '.join(lone)}: intervals over {point.noun}s alone."
        )
    if seeds == 2 and splits == 1:
        lines.append("Two seeds: intervals may be too narrow, and there is no verdict.")
    if any(row.stored for row in rows):
        lines.append("† found in the store, not trained again.")
    lines += _cut(point)
    lines += _saturated(point)
    if scaled := [
        label for label in point.labels if any(row.auto_scaled for row in point.of(label))
    ]:
        lines.append(
            f"Features are standardised (recipe.scale=auto) in {', '.join(scaled)}: as they are,"
            " one step of recipe.lr may move a value of the head's first layer by more than 1."
        )
    held = max(
        (
            point.estimate(label, lambda row: row.nll).held
            for label in point.labels
            if point.of(label)
        ),
        default=0,
    )
    if held > 1:
        lines.append(
            f"What is held out is {held:.1f} times what is trained on, so these intervals are very"
            " wide; a larger training share narrows them."
        )
    lines.append(readers(reads))
    return lines + data([point])


def data(points: list[Point]) -> list[str]:
    """Data of points: files of weights by hash, cautions about the dataset, equal items."""
    return described([pair for point in points for rows in point.splits for pair in rows.items()])


def described(named: list[tuple[str, Row]]) -> list[str]:
    """The same of rows with their labels."""
    rows = [row for _, row in named]
    lines = _files(named) + sorted({row.caution for row in rows if row.caution})
    found = {row.duplicates: row.noun for row in rows if row.duplicates and row.duplicates.repeated}
    if found:
        worst = max(
            found, key=lambda one: (one.test_in_train, one.validation_in_train, one.repeated)
        )
        several = ", in the split that has most" if len(found) > 1 else ""
        lines.append(f"Equal {found[worst]}s{several}: {_duplicates(worst, found[worst])}.")
    return lines


def _files(named: list[tuple[str, Row]]) -> list[str]:
    """One line with the first digits of each file's hash, and the rows that begin with it where not
    all do.
    """
    users: dict[tuple[str, str], dict[str, None]] = {}
    for label, row in named:
        for name, digest in row.files.items():
            users.setdefault((name, digest), {})[label] = None
    names = {label for label, _ in named}
    said = [
        f"{name} sha256 {digest[:DIGITS]}" + f" ({', '.join(own)})" * (set(own) != names)
        for (name, digest), own in users.items()
    ]
    return [f"{', '.join(said)}."] if said else []


def _duplicates(count: Duplicates, noun: str) -> str:
    """Equal items in words, the worst first."""
    shares = [
        (count.test_in_train, count.test, "test", "train, so that accuracy there may be memory"),
        (count.validation_in_train, count.validation, "validation", "train"),
        (count.test_in_validation, count.test, "test", "validation"),
    ]
    said = [
        f"{number} of {total} {part} {noun}s are also in {other}"
        for number, total, part, other in shares
        if number
    ]
    said.append(f"{count.repeated} of {count.distinct} different {noun}s stand twice or more")
    if count.contradictory:
        said.append(f"{count.contradictory} of them in two classes, with two labels")
    return "; ".join(said)


def _saturated(point: Point) -> list[str]:
    """A warning where inputs of a circuit, or of what stands in its place, are at their ends and
    hardly move.
    """
    shares = {
        label: point.metrics(label).get(SATURATED) for label in point.labels if point.of(label)
    }
    dead = {
        label: share.mean()
        for label, share in shares.items()
        if share is not None and share.mean() > MOST_SATURATED
    }
    if not dead:
        return []
    words = ", ".join(f"{label} {share:.2f}" for label, share in dead.items())
    scaled = all(row.scaled for label in dead for row in point.of(label))
    advice = (
        "a lower recipe.lr may help"
        if scaled
        else "recipe.scale=standard or a lower recipe.lr may help"
    )
    return [
        f"Saturated share of the squashed inputs (|tanh| > .99): {words}. There a circuit, or what"
        " stands in its place, sees little but signs, and what is before it hardly learns;"
        f" {advice}."
    ]


def _cut(point: Point) -> list[str]:
    """A warning where a cutoff loses probability, and what post-selection throws away."""
    shares = {label: point.metrics(label).mean() for label in point.labels if point.of(label)}
    lost = [
        f"{label} {mean['norm_kept']:.3f}"
        for label, mean in shares.items()
        if mean.get("norm_kept", 1.0) < LEAST_NORM
    ]
    thrown = [
        f"{label} {mean['post_selected']:.2f}"
        for label, mean in shares.items()
        if "post_selected" in mean
    ]
    lines = (
        [
            f"Norm kept inside the cutoff: {', '.join(lost)}; below {LEAST_NORM} these are figures"
            " of the truncated model, not of the states. Sweep the cutoff: -m"
            " backbone.cutoff=15,20,30."
        ]
        if lost
        else []
    )
    return lines + (
        [
            "Post-selection keeps this share of the probability, and a device would throw the rest"
            f" away: {', '.join(thrown)}."
        ]
        if thrown
        else []
    )


def readers(reads: int) -> str:
    """The ledger's line."""
    return f"This test set has been read by {count(reads, 'plan')} of this store."


def count(number: int, word: str) -> str:
    """A number of things, in words."""
    return f"{number} {word}{'s' * (number != 1)}"


def errors(point: Point) -> list[str]:
    """Failures, and where."""
    where = f" at {point.name}" if point.keys else ""
    split = (lambda number: f", split {number + 1}") if len(point.splits) > 1 else lambda number: ""
    lines = [
        f"{label}{where}{split(number)}: error: {words}"
        for (label, number), words in point.errors.items()
    ]
    lines += [
        f"{label}{where}{split(number)}, seed {seed}: error: {words}"
        for number, rows in enumerate(point.splits)
        for label, row in rows.items()
        for seed, words in row.errors.items()
    ]
    return [line.rstrip(".") + "." for line in lines]


def noise(gap: statistic.Interval, noun: str) -> str:
    """Parts of an interval; `noun` is the word for a test item."""
    if gap.splits > 1:
        items = "" if math.isnan(gap.pictures) else f", {noun} noise {gap.pictures:.3f}"
        return (
            f"noise of splits and training {gap.training:.3f}{items}; {gap.splits} splits,"
            f" {count(gap.seeds, 'seed')} and {gap.items} {noun}s each"
        )
    if gap.seeds == 1:
        return f"one seed, {gap.items} {noun}s"
    return (
        f"training noise {gap.training:.3f}, {noun} noise {gap.pictures:.3f}; {gap.seeds} seeds,"
        f" {gap.items} {noun}s"
    )


def both(gap: statistic.Interval, need: statistic.Need, noun: str) -> str:
    """Seeds and test items that grow together."""
    return (
        f"{math.ceil(need.both * gap.seeds)} seeds on {math.ceil(need.both * gap.items)} {noun}s"
        if need.both
        else ""
    )


def _would_decide(verdict: statistic.Verdict, margin: float, noun: str) -> str:
    """Sizes that would decide a difference of the margin, from the noise that was seen."""
    gap = verdict.interval
    if 1 < gap.splits < statistic.FEWEST:
        return "fewer than three splits give no verdict."
    if gap.splits == 1 and gap.seeds < statistic.FEWEST:
        return "fewer than three seeds give no verdict."
    need = verdict.need
    ways = [
        (need.splits, gap.splits, f"about {need.splits} splits"),
        (need.seeds, gap.seeds, f"about {need.seeds} seeds on these {noun}s"),
        (need.pictures, gap.items, f"about {need.pictures} {noun}s with these seeds"),
    ]
    known = [(size, present, words) for size, present, words in ways if size]
    if any(size <= present for size, present, _ in known):
        return f"this size would detect a difference of {margin:g} four times in five."
    if known:
        words = " or ".join(words for _, _, words in known)
    elif need.both:
        words = f"about {both(gap, need, noun)}"
    else:
        return (
            f"no number of seeds{', splits' * (gap.splits > 1)} or {noun}s alone would detect a"
            f" difference of {margin:g}."
        )
    return f"a difference of {margin:g} would be detected, four times in five, by {words}."
