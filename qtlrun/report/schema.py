"""Schemas of the frames that a report writes."""

from collections.abc import Iterable, Iterator

from qtlrun.comparison import metric
from qtlrun.comparison.metric import Metric
from qtlrun.report.column import Column, Schema, columns


def _metric_columns(metrics: Iterable[Metric]) -> Iterator[Column]:
    """Columns of the metrics that the table shows, with the ends of their intervals."""
    for each in metrics:
        if each.column:
            yield Column(each.column, each.kind, each.unit, each.about, optional=True)
        if each.interval:
            for end, about in (("low", "lower"), ("high", "upper")):
                words = f"{about} end of its 95 % interval"
                yield Column(f"{each.column} {end}", each.kind, each.unit, words, optional=True)


ROW = Column("row", "text", "", "label of the row")
SPLIT = Column("split", "int64", "", "number of the split, where there are several", optional=True)
SEED = Column("seed", "int64", "", "seed of the training; -1: the whole row")
# Each stands for columns whose names a run decides.
DRAWN = Column("*", "any", "", "a tuned key, its value in this draw or the chosen", optional=True)
DIFFERENCE = Column("minus *", "float64", "nats", "composed minus this reference", optional=True)
PROBABILITY = Column("p(*)", "float64", "probability", "predicted, of this class", optional=True)

VERDICT_WORDS = "better, worse, equivalent, equivalent if none dies, undecided or no verdict"

ROWS = Schema(
    (
        ROW,
        SPLIT,
        SEED,
        Column("metric", "text", "", "name of the metric; error: the training failed"),
        Column("value", "float64", "that of the metric", "its value; 1 for an error"),
    )
)
ERRORS = Schema((ROW, SPLIT, SEED, Column("error", "text", "", "why the training failed")))
TRIALS = Schema(
    (
        ROW,
        SPLIT,
        Column("trial", "int64", "", "number of the draw"),
        DRAWN,
        Column("validation_nll", "float64", "nats", "mean over seeds; inf where one failed"),
        Column("chosen", "bool", "", "whether the row has the values of this draw"),
    )
)
SHOTS = Schema(
    (
        ROW,
        SPLIT,
        SEED,
        Column("shots", "int64", "shots", "measurements that estimate the probabilities"),
        Column("accuracy", "float64", "accuracy", "on the test split, at these shots"),
    )
)
EPOCHS = Schema(
    (
        ROW,
        SPLIT,
        SEED,
        Column("epoch", "int64", "", "number of the epoch, from 1 on"),
        Column("lr", "float64", "", "learning rate of the head"),
        Column("train_loss", "float64", "nats", "mean over the batches, while they are trained on"),
        Column("validation_nll", "float64", "nats", "mean after the epoch"),
        Column("validation_accuracy", "float64", "accuracy", "after the epoch"),
        Column("kept", "bool", "", "whether the row has the weights of this epoch"),
    )
)
FORECAST = Schema(
    (
        ROW,
        Column("trainings", "int64", "", "of all seeds, splits and draws of tuning"),
        *columns(
            ("stored", "Int64", "", "of these in the store, or trained by a row before"),
            ("minutes", "float64", "minutes", "of the others, with what they need first"),
            ("processor", "float64", "minutes", "of processor time in these, over all cores"),
            ("MiB", "Int64", "MiB", "largest memory of the process up to this row"),
            ("executions", "Int64", "", "of a circuit on a quantum processor, over all seeds"),
            ("shots", "Int64", "shots", "of these executions together, over all seeds"),
            optional=True,
        ),
    )
)
# Of a run of a sealed plan
STATUS = columns(
    ("status", "text", "", "declared by the sealed plan, or exploratory"), optional=True
)
CONTRASTS = Schema(
    columns(
        ("reference", "text", "", "label of the row that the composed one is compared with"),
        ("metric", "text", "", "test_nll, test_accuracy, test_brier or test_nll_scaled"),
        ("difference", "float64", "that of the metric", "composed minus reference, mean"),
        ("low", "float64", "that of the metric", "lower end of its 95 % interval"),
        ("high", "float64", "that of the metric", "upper end of its 95 % interval"),
        ("like_low", "float64", "that of the metric", "lower end for other pools like this one"),
        ("like_high", "float64", "that of the metric", "upper end for other pools like this one"),
        ("training", "float64", "that of the metric", "standard error from training alone"),
        ("pictures", "float64", "that of the metric", "standard error from test items alone"),
        ("verdict", "text", "", VERDICT_WORDS),
        ("margin", "float64", "nats", "margin of this contrast; none but of test_nll"),
        ("p", "float64", "probability", "two-sided, of no difference; none without a verdict"),
        ("p_holm", "float64", "probability", "p adjusted over all lines of the metric (Holm 1979)"),
    )
    + STATUS
)
JOINT = Schema(
    columns(
        ("reference", "text", "", "label of the row that the composed one is compared with"),
        ("protocols", "int64", "", "protocols that every seed of both rows finished"),
        ("seeds", "int64", "", "seeds whose names are exchanged"),
        ("median", "float64", "nats", "median over protocols of composed minus reference"),
        ("share", "float64", "share", "protocols whose difference has the sign that most have"),
        ("p_median", "float64", "probability", "of a median as far from 0, no difference"),
        ("p_share", "float64", "probability", "of as large a share, no difference"),
        ("flips", "int64", "", "sign flips of the seeds that were compared"),
        ("exact", "bool", "", "whether these are all"),
        ("least", "float64", "probability", "smallest p that so many seeds can give"),
    )
)
PREDICTIONS = Schema(
    (
        ROW,
        SPLIT,
        SEED,
        Column("picture", "any", "", "name of the test item, or its number"),
        Column("item", "text", "", "short hash of the test item, in any split", optional=True),
        Column("class", "text", "", "its class"),
        Column("predicted", "text", "", "class of highest probability"),
        Column("nll", "float64", "nats", "negative log-likelihood of its class"),
        PROBABILITY,
    )
)
# What a lens reads of trained rows
MEASURED = (
    Column("measure", "text", "", "name of the number, with its unit"),
    Column("layer", "text", "", "where it is read; empty for the whole network"),
)
READINGS = Schema(
    (
        ROW,
        Column("split", "int64", "", "number of the division of the items"),
        SEED,
        *MEASURED,
        Column("value", "float64", "that of the measure", "its value; nan where it has none"),
        Column("tested", "bool", "", "whether rows are told apart by it"),
    )
)
SPREADS = Schema(
    (
        *MEASURED,
        ROW,
        Column("trainings", "int64", "", "in which the number could be read"),
        Column("mean", "float64", "that of the measure", "over trainings"),
        Column("deviation", "float64", "that of the measure", "between trainings of the row"),
        *columns(
            ("difference", "float64", "that of the measure", "composed minus this row, mean"),
            (
                "low",
                "float64",
                "that of the measure",
                "lower end of its 95 % interval over trainings",
            ),
            ("high", "float64", "that of the measure", "upper end of that interval"),
            ("noise", "float64", "that of the measure", "larger deviation of the two rows"),
            ("p_holm", "float64", "probability", "of no difference, adjusted over the lens"),
            ("differs", "boolean", "", "whether p_holm < 0.05 and the difference exceeds noise"),
            optional=True,
        ),
    )
)
SWEEP = Schema(
    (
        Column("validation NLL", "float64", "nats", "composed row, mean over seeds and splits"),
        Column("error", "int64", "trainings", "that failed at this point"),
        *_metric_columns(metric.SHARES),
        DIFFERENCE,
        Column("chosen", "bool", "", "whether validation chose this point"),
    )
)
# Of a row with a finished seed: its metrics, with the shots behind the counts.
FINISHED = (
    *_metric_columns(metric.RESULTS),
    *columns(
        ("NLL median", "float64", "nats", "of the median training"),
        ("NLL worst", "float64", "nats", "of the worst training"),
        optional=True,
    ),
    *_metric_columns(metric.COUNTS),
    Column("shots", "Int64", "shots", "of these executions, for one seed", optional=True),
    *_metric_columns(metric.MEASURES),
    *columns(
        ("seconds alone", "float64", "seconds", "of the row with an empty store, all seeds"),
        ("from the store", "boolean", "", "whether no seed was trained now"),
        ("trials", "Int64", "", "draws of a tuned row"),
        optional=True,
    ),
)
# Of a reference that is compared with the composed row.
VERDICTS = columns(
    ("difference", "float64", "nats", "composed minus this row, test NLL"),
    ("difference low", "float64", "nats", "lower end of its 95 % interval"),
    ("difference high", "float64", "nats", "upper end of its 95 % interval"),
    ("training noise", "float64", "nats", "standard error from training alone"),
    ("picture noise", "float64", "nats", "standard error from test items alone"),
    ("verdict", "text", "", VERDICT_WORDS),
    ("accuracy difference", "float64", "accuracy", "composed minus this row, test accuracy"),
    ("accuracy difference low", "float64", "accuracy", "lower end of its 95 % interval"),
    ("accuracy difference high", "float64", "accuracy", "upper end of its 95 % interval"),
    ("Brier difference", "float64", "Brier score", "composed minus this row, test items"),
    ("Brier difference low", "float64", "Brier score", "lower end of its 95 % interval"),
    ("Brier difference high", "float64", "Brier score", "upper end of its 95 % interval"),
    optional=True,
)
TABLE = Schema(
    (
        ROW,
        Column("what it is", "text", "", "description of the row; error: it failed whole"),
        Column("seeds", "int64", "", "finished trainings, over all splits"),
        Column("failed", "Int64", "", "failed trainings; none for a row that failed whole"),
        Column("dead", "Int64", "", "dead trainings, where a row has any", optional=True),
        *FINISHED,
        DRAWN,
        *VERDICTS,
        *STATUS,
    )
)
