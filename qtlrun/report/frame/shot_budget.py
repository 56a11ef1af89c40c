"""Frames of study=shots: curves over budgets, differences, crossings, processors."""

from qtlrun.report.column import Schema, columns
from qtlrun.report.schema import ROW

SCHEME = columns(
    ("scheme", "text", "", "trained, tested, refitted: with shots; exact: without; none: no states")
)
CURVES = Schema(
    (
        *SCHEME,
        ROW,
        *columns(
            ("budget", "Int64", "", "preparations; none of a row that costs none"),
            ("shots", "Int64", "", "of each execution, or of each state"),
            ("epochs", "Int64", "", "of the training; none where nothing is paid by epochs"),
            ("spent", "Int64", "", "preparations of one training, its validation and its test"),
            ("trainings", "int64", "", "that ended"),
            ("failed", "int64", "", "that did not"),
            ("NLL", "float64", "nats", "of the test items, mean"),
            ("NLL low", "float64", "nats", "end of its 95 % interval"),
            ("NLL high", "float64", "nats", "the other end"),
            ("accuracy", "float64", "share", "of the test items"),
            ("accuracy low", "float64", "share", "end of its 95 % interval"),
            ("accuracy high", "float64", "share", "the other end"),
        ),
    )
)
DIFFERENCES = Schema(
    SCHEME
    + columns(
        ("budget", "int64", "", "preparations"),
        ("reference", "text", "", "row that the composed one is compared with"),
        ("difference", "float64", "nats", "NLL of the composed row less that of the reference"),
        ("low", "float64", "nats", "end of its 95 % interval"),
        ("high", "float64", "nats", "the other end"),
        ("verdict", "text", "", "of the composed row"),
    )
)
CROSSINGS = Schema(
    SCHEME
    + columns(
        ("row", "text", "", "row that is measured"),
        ("reference", "text", "", "row that it is held against"),
        ("criterion", "text", "", "not worse: by the margin at most; better: below 0"),
        ("level", "float64", "nats", "difference in NLL at which it is crossed"),
        ("budget", "float64", "", "least preparations from which on it holds; inf: never here"),
        ("low", "float64", "", "end of its 95 % interval; nan: too few trainings or splits"),
        ("high", "float64", "", "the other end; inf: beyond the grid; the first budget: at most"),
        ("share", "float64", "share", "of resamples in which it is crossed on the grid"),
        ("at start", "bool", "", "whether it holds at every budget, so that the least is lower"),
        ("lost", "bool", "", "whether trainings failed, of which the others are no sample"),
    )
)
PROCESSORS = Schema(
    (
        *columns(("processor", "text", "", "name in the study's processors")),
        ROW,
        *columns(
            ("budget", "int64", "", "preparations"),
            ("seconds", "float64", "s", "of them in turn on that processor, as assumed"),
            ("joules", "float64", "J", "at the power that is assumed"),
        ),
    )
)
