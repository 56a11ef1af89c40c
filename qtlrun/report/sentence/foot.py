"""Sentences on how to read a table: intervals, columns, warnings, readers of the test set."""

from qtlrun.comparison.comparison import Comparison
from qtlrun.comparison.metric import NORM_LOST, NORM_SPREAD, SATURATED
from qtlrun.comparison.row import Row
from qtlrun.ledger import Readings
from qtlrun.report.sentence.data import data
from qtlrun.report.sentence.failure import deaths
from qtlrun.report.sentence.note import Note
from qtlrun.report.sentence.quantity import count

MAX_SATURATED_SHARE = 0.2  # of squashed inputs; a row above it is named
LEAST_NORM = 0.99  # of a state inside its cutoff


def foot(comparison: Comparison, reads: Readings) -> list[Note]:
    """How to read the table; `reads` counts the plans that have read its test items."""
    rows = [row for split in comparison.splits for row in split.values() if row.outcomes]
    if not rows:
        return []
    seeds = max(len(row.outcomes) + len(row.errors) for row in rows)
    return [
        Note(
            f"{_design(comparison, rows, seeds)} {_columns(comparison)}",
            _short_design(comparison, rows, seeds) + _gap(comparison),
        ),
        *_seed_warnings(comparison, seeds),
        *deaths(comparison),
        *_store_mark(comparison),
        *_cutoff_warnings(comparison),
        *_saturation_warning(comparison),
        *_lost_norms(comparison),
        *_scaling_note(comparison),
        readers(reads, comparison.noun),
        *data([comparison]),
    ]


def readers(reads: Readings, noun: str = "item") -> Note:
    """Numbers of plans that have read test items, from the store's ledger, and its limits."""
    plans = count(reads.items, "plan")
    pool = f", their pool by {reads.pool}" if reads.pool > reads.items else ""
    brief = (
        f"These test {noun}s have been read by {'up to ' * (reads.items > 1)}{plans} of this"
        f" store{pool}; readings elsewhere are unknown."
    )
    return Note(
        f"{brief} Different plans are counted {noun} by {noun}: a plan counts once, in however many"
        f" splits it reads one. The pool is every {noun} of the training, validation and test"
        " splits. The store cannot know what was read on other machines, with other stores, by"
        " other programs or by eye.",
        brief,
    )


def _design(comparison: Comparison, rows: list[Row], seeds: int) -> str:
    """Splits, seeds and test items, and what the intervals are over."""
    items = _test_items(comparison, rows)
    splits = len(comparison.splits)
    if splits > 1:
        source = f"{_covered(rows)} and {comparison.noun}s"
        if rows[0].independent:
            source = "data drawn anew"
        return f"{_splits(comparison, seeds)}, {items} each; 95 % intervals over {source};"
    if seeds == 1:
        return f"One seed on {items}; 95 % intervals over {comparison.noun}s alone;"
    split = ""
    if comparison.one_split:
        split = (
            ", for this split alone: another division into train and validation may turn a sign"
            " (splits=each covers it)"
        )
    return (
        f"{seeds} seeds on the same {items}; 95 % intervals over seeds and"
        f" {comparison.noun}s{split};"
    )


def _splits(comparison: Comparison, seeds: int) -> str:
    """Number of splits with their seeds."""
    splits = len(comparison.splits)
    if comparison.split_by_seed:
        return f"{splits} seeds, each on its own split"
    return f"{splits} splits of {count(seeds, 'seed')}"


def _short_design(comparison: Comparison, rows: list[Row], seeds: int) -> str:
    """Splits, seeds and test items, and what the intervals cover, for whoever reads them first."""
    items = _test_items(comparison, rows)
    splits = len(comparison.splits)
    recipe = "" if _fitted(rows) else f", {_recipe(comparison, rows)}"
    if splits > 1:
        source = f"{_covered(rows)} and new {comparison.noun}s"
        if rows[0].independent:
            source = "new data"
        design = f"{_splits(comparison, seeds)}, {items} each{recipe}"
        return f"{design}; 95 % intervals cover {source}."
    trainings = "" if seeds == 1 else "new trainings and "
    where = " on one split" * comparison.one_split
    other = ", no other split" * comparison.one_split
    return (
        f"{count(seeds, 'seed')}{where}, {items}{recipe};"
        f" 95 % intervals cover {trainings}new {comparison.noun}s{other}."
    )


def _covered(rows: list[Row]) -> str:
    """Training sets that intervals over splits cover; test items that are redrawn tell more."""
    if all(row.items == rows[0].items for row in rows):
        return "new splits of this pool"
    return "other pools like this one, their splits"


def _recipe(comparison: Comparison, rows: list[Row]) -> str:
    """Whether the recipe was tuned, and by how many draws."""
    draws = max(len(row.draws) for row in rows)
    return f"tuned over {count(draws, 'draw')}" if comparison.tuned else "untuned recipe"


def _test_items(comparison: Comparison, rows: list[Row]) -> str:
    """Number of test items, the least and the most where splits differ."""
    sizes = sorted({len(row.labels) for row in rows})
    extremes = dict.fromkeys((sizes[0], sizes[-1]))
    return f"{' to '.join(map(str, extremes))} test {comparison.noun}s"


def _fitted(rows: list[Row]) -> bool:
    """Whether no row was trained by a recipe."""
    return all(row.settings is not None for row in rows)


def _columns(comparison: Comparison) -> str:
    """Columns of the table that need a word."""
    if comparison.generated:
        return (
            "trained: circuit + rest of the generator + head + backbone; gap: accuracy on the whole"
            " training split - accuracy; seconds per seed."
        )
    return "trained: circuit + head + backbone; seconds per seed."


def _gap(comparison: Comparison) -> str:
    """Gap of generated weights, where the table has it."""
    return " Gap: training accuracy - accuracy." if comparison.generated else ""


def _seed_warnings(comparison: Comparison, seeds: int) -> list[Note]:
    """Rows with one finished seed of several, and what two seeds cannot tell."""
    if seeds < 2 or len(comparison.splits) > 1:
        return []
    finished = {label: comparison.of(label) for label in comparison.labels}
    single = [label for label, rows in finished.items() if rows and len(rows[0].outcomes) == 1]
    notes = []
    if single:
        words = f"intervals over {comparison.noun}s alone."
        notes.append(Note(f"One seed was finished of {', '.join(single)}: {words}"))
    if seeds == 2:
        notes.append(Note("Two seeds: intervals may be too narrow, and there is no verdict."))
    return notes


def _store_mark(comparison: Comparison) -> list[Note]:
    """The mark of rows of which nothing was trained now, on any split."""
    for label in comparison.labels:
        rows = comparison.of(label)
        if rows and all(row.stored for row in rows):
            return [Note("† found in the store, not trained again.")]
    return []


def _cutoff_warnings(comparison: Comparison) -> list[Note]:
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
    notes = []
    if lost:
        advice = "Sweep the cutoff: -m backbone.cutoff=15,20,30."
        notes.append(
            Note(
                f"Norm kept inside the cutoff: {', '.join(lost)}; below {LEAST_NORM} these are"
                f" figures of the truncated model, not of the states. {advice}",
                f"Norm kept inside the cutoff below {LEAST_NORM}: {', '.join(lost)}. {advice}",
            )
        )
    if selected:
        rows = ", ".join(selected)
        notes.append(
            Note(
                "Post-selection keeps this share of the probability, and a device would throw the"
                f" rest away: {rows}.",
                f"Post-selection keeps this share of the probability: {rows}.",
            )
        )
    return notes


def _saturation_warning(comparison: Comparison) -> list[Note]:
    """Warning of a circuit's inputs, or its stand-in's, that are at their ends and hardly move."""
    shares = saturated(comparison)
    if not shares:
        return []
    phrases = ", ".join(f"{label} {share:.2f}" for label, share in shares.items())
    scaled = any(row.scaled for label in shares for row in comparison.of(label))
    remedy = "a lower recipe.lr" if scaled else "recipe.scale=standard or a lower recipe.lr"
    title = f"Saturated share of the squashed inputs (|tanh| > .99): {phrases}."
    return [
        Note(
            f"{title} There a circuit, or what stands in its place, sees little but signs, and what"
            f" is before it hardly learns; {remedy} may help.",
            f"{title} Try {remedy}.",
        )
    ]


def saturated(comparison: Comparison) -> dict[str, float]:
    """Share of saturated inputs of a circuit or its stand-in, of the rows where it is large."""
    shares = {}
    for label in comparison.labels:
        share = comparison.metrics(label).get(SATURATED.name) if comparison.of(label) else None
        if share is not None and share.mean() > MAX_SATURATED_SHARE:
            shares[label] = float(share.mean())
    return shares


def _lost_norms(comparison: Comparison) -> list[Note]:
    """Norms that are lost where features become amplitudes, by row."""
    rows: dict[str, list[str]] = {}
    for label in comparison.labels:
        mean = comparison.metrics(label).mean() if comparison.of(label) else {}
        if NORM_LOST.name in mean:
            spread = 100 * mean[NORM_SPREAD.name]
            norm = f"{mean[NORM_LOST.name]:.3g} (standard deviation {spread:.0f} % of it)"
            rows.setdefault(norm, []).append(label)
    if not rows:
        return []
    phrases = [f"{norm} in {', '.join(labels)}" for norm, labels in rows.items()]
    title = f"Lost norm of the features that become amplitudes, mean: {'; '.join(phrases)}."
    return [
        Note(
            f"{title} Amplitudes have norm 1, so items that differ by a factor are one item to the"
            " circuit.",
            title,
        )
    ]


def _scaling_note(comparison: Comparison) -> list[Note]:
    """Rows whose features recipe.scale=auto standardised."""
    finished = {label: comparison.of(label) for label in comparison.labels}
    scaled = [label for label, rows in finished.items() if _any_auto_scaled(rows)]
    if not scaled:
        return []
    title = f"Features are standardised (recipe.scale=auto) in {', '.join(scaled)}"
    return [
        Note(
            f"{title}: as they are, one step of recipe.lr may move a value of the head's first"
            " layer by more than 1.",
            f"{title}.",
        )
    ]


def _any_auto_scaled(rows: list[Row]) -> bool:
    return any(row.auto_scaled for row in rows)
