"""Sentences on how to read a table: intervals, columns, warnings, readers of the test set."""

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.metric import SATURATED
from qtlrun.comparison.row import Row
from qtlrun.report.sentence.data import data
from qtlrun.report.sentence.quantity import count

MAX_SATURATED_SHARE = 0.2  # of squashed inputs; a row above it is named
LEAST_NORM = 0.99  # of a state inside its cutoff


def foot(comparison: Comparison, reads: int) -> list[str]:
    """How to read the table; `reads` is the number of plans that have read its test items."""
    rows = [row for split in comparison.splits for row in split.values() if row.outcomes]
    if not rows:
        return []
    seeds = max(len(row.outcomes) + len(row.errors) for row in rows)
    return [
        f"{_design(comparison, rows, seeds)} {_columns(comparison)}",
        *_seed_warnings(comparison, seeds),
        *_store_mark(rows),
        *_cutoff_warnings(comparison),
        *_saturation_warning(comparison),
        *_scaling_note(comparison),
        *_width_warning(comparison),
        readers(reads),
        *data([comparison]),
    ]


def readers(reads: int) -> str:
    """Number of plans that have read the test set, from the store's ledger."""
    return f"This test set has been read by {count(reads, 'plan')} of this store."


def _design(comparison: Comparison, rows: list[Row], seeds: int) -> str:
    """Splits, seeds and test items, and what the intervals are over."""
    sizes = sorted({len(row.labels) for row in rows})
    extremes = dict.fromkeys((sizes[0], sizes[-1]))
    items = f"{' to '.join(map(str, extremes))} test {comparison.noun}s"
    splits = len(comparison.splits)
    if splits > 1:
        source = (
            "data drawn anew" if rows[0].independent else "splits of this pool (Nadeau and Bengio)"
        )
        return (
            f"{splits} splits of {count(seeds, 'seed')}, {items} each;"
            f" 95 % intervals over {source};"
        )
    if seeds == 1:
        return f"One seed on {items}; 95 % intervals over {comparison.noun}s alone;"
    return f"{seeds} seeds on the same {items}; 95 % intervals over seeds and {comparison.noun}s;"


def _columns(comparison: Comparison) -> str:
    """Columns of the table that need a word."""
    if comparison.generated:
        return (
            "trained: circuit + rest of the generator + head + backbone; gap: accuracy on the whole"
            " training split - accuracy; seconds per seed."
        )
    return "trained: circuit + head + backbone; seconds per seed."


def _seed_warnings(comparison: Comparison, seeds: int) -> list[str]:
    """Rows with one finished seed of several, and what two seeds cannot tell."""
    if seeds < 2 or len(comparison.splits) > 1:
        return []
    finished = {label: comparison.of(label) for label in comparison.labels}
    single = [label for label, rows in finished.items() if rows and len(rows[0].outcomes) == 1]
    lines = []
    if single:
        lines.append(
            f"One seed was finished of {', '.join(single)}: intervals over"
            f" {comparison.noun}s alone."
        )
    if seeds == 2:
        lines.append("Two seeds: intervals may be too narrow, and there is no verdict.")
    return lines


def _store_mark(rows: list[Row]) -> list[str]:
    """The mark of rows that were not trained now."""
    return ["† found in the store, not trained again."] if any(row.stored for row in rows) else []


def _cutoff_warnings(comparison: Comparison) -> list[str]:
    """Warnings of probability that a cutoff loses, and that post-selection throws away."""
    means = {
        label: comparison.metrics(label).mean()
        for label in comparison.labels
        if comparison.of(label)
    }
    lost = [
        f"{label} {mean['norm_kept']:.3f}"
        for label, mean in means.items()
        if mean.get("norm_kept", 1.0) < LEAST_NORM
    ]
    selected = [
        f"{label} {mean['post_selected']:.2f}"
        for label, mean in means.items()
        if "post_selected" in mean
    ]
    lines = []
    if lost:
        lines.append(
            f"Norm kept inside the cutoff: {', '.join(lost)}; below {LEAST_NORM} these are figures"
            " of the truncated model, not of the states. Sweep the cutoff: -m"
            " backbone.cutoff=15,20,30."
        )
    if selected:
        lines.append(
            "Post-selection keeps this share of the probability, and a device would throw the rest"
            f" away: {', '.join(selected)}."
        )
    return lines


def _saturation_warning(comparison: Comparison) -> list[str]:
    """Warning of a circuit's inputs, or its stand-in's, that are at their ends and hardly move."""
    shares = {}
    for label in comparison.labels:
        share = comparison.metrics(label).get(SATURATED.name) if comparison.of(label) else None
        if share is not None and share.mean() > MAX_SATURATED_SHARE:
            shares[label] = share.mean()
    if not shares:
        return []
    phrases = ", ".join(f"{label} {share:.2f}" for label, share in shares.items())
    scaled = all(row.scaled for label in shares for row in comparison.of(label))
    advice = (
        "a lower recipe.lr may help"
        if scaled
        else "recipe.scale=standard or a lower recipe.lr may help"
    )
    return [
        f"Saturated share of the squashed inputs (|tanh| > .99): {phrases}. There a circuit, or"
        " what stands in its place, sees little but signs, and what is before it hardly learns;"
        f" {advice}."
    ]


def _scaling_note(comparison: Comparison) -> list[str]:
    """Rows whose features recipe.scale=auto standardised."""
    finished = {label: comparison.of(label) for label in comparison.labels}
    scaled = [label for label, rows in finished.items() if _any_auto_scaled(rows)]
    if not scaled:
        return []
    return [
        f"Features are standardised (recipe.scale=auto) in {', '.join(scaled)}: as they are,"
        " one step of recipe.lr may move a value of the head's first layer by more than 1."
    ]


def _any_auto_scaled(rows: list[Row]) -> bool:
    return any(row.auto_scaled for row in rows)


def _width_warning(comparison: Comparison) -> list[str]:
    """Warning of intervals that are wide because more is held out than trained on."""
    ratios = [
        comparison.estimate(label, lambda row: row.nll).held
        for label in comparison.labels
        if comparison.of(label)
    ]
    ratio = max(ratios, default=0)
    if ratio <= 1:
        return []
    return [
        f"What is held out is {ratio:.1f} times what is trained on, so these intervals are very"
        " wide; a larger training share narrows them."
    ]
