"""Frames of study=robustness: rows and contrasts under noise, crossings, mitigation."""

from qtlrun.report.column import Schema, columns
from qtlrun.report.schema import ROW

POINT = columns(
    ("kind", "text", "", "of noise; shots: finite measurements"),
    ("strength", "float64", "", "of the noise, 0: none; of shots their number, inf: exact"),
)
CURVES = Schema(
    (
        *POINT,
        ROW,
        *columns(
            ("noisy", "bool", "", "whether a circuit of the row had the noise"),
            ("trained", "text", "", "as the run has it, or under the noise"),
            ("accuracy", "float64", "share", "on the test split"),
            ("accuracy_low", "float64", "share", "lower end of its 95 % interval"),
            ("accuracy_high", "float64", "share", "upper end"),
            ("nll", "float64", "nats", "on the test split"),
            ("nll_low", "float64", "nats", "lower end of its 95 % interval"),
            ("nll_high", "float64", "nats", "upper end"),
            ("brier", "float64", "", "Brier score, in [0, 2]"),
            ("brier_low", "float64", "", "lower end of its 95 % interval"),
            ("brier_high", "float64", "", "upper end"),
            ("ece", "float64", "share", "expected calibration error, mean over trainings"),
            (
                "ece_low",
                "float64",
                "share",
                "lower end of its interval over trainings, or splits of several",
            ),
            ("ece_high", "float64", "share", "upper end"),
            ("trainings", "int64", "", "of the row"),
        ),
    )
)
CONTRASTS = Schema(
    (
        *POINT,
        *columns(
            ("row", "text", "", "label of the row with the noise"),
            ("reference", "text", "", "label of the other; with noise where it has a circuit"),
            ("difference", "float64", "nats", "in test NLL, row minus reference"),
            ("low", "float64", "nats", "lower end of its 95 % interval"),
            ("high", "float64", "nats", "upper end"),
            ("verdict", "text", "", "better, worse, equivalent, undecided or no verdict"),
            ("p_holm", "float64", "", "after Holm's correction over the strengths of its kind"),
            ("accuracy", "float64", "share", "difference in accuracy"),
            ("accuracy_low", "float64", "share", "lower end of its 95 % interval"),
            ("accuracy_high", "float64", "share", "upper end"),
        ),
    )
)
CROSSINGS = Schema(
    columns(
        ("kind", "text", "", "of noise"),
        ("row", "text", "", "label of the row with the noise"),
        ("reference", "text", "", "label of the other row"),
        ("state", "text", "", "falls behind, never (on the grid), from the start (without noise)"),
        ("strength", "float64", "", "at which it falls behind in NLL; of shots their number"),
        ("low", "float64", "", "lower end of its 95 % interval, in strength; nan: too few units"),
        (
            "high",
            "float64",
            "",
            "upper end; inf: never, of shots without noise; 0: of shots never",
        ),
        ("never", "float64", "share", "of the draws in which it does not on the grid"),
        ("first_worse", "float64", "", "first strength with the verdict worse; nan: none"),
        ("lost", "bool", "", "whether trainings failed or died, of which the others are no sample"),
    )
)
MITIGATIONS = Schema(
    columns(
        ("method", "text", "", "of mitigation"),
        ("shots", "float64", "", "measurements of each circuit; inf: exact values"),
        ("circuits", "int64", "", "executed for an item, in all bases"),
        ("gates", "float64", "", "in these, by those of the plain circuit"),
        ("shots_per_item", "int64", "", "measurements in all"),
        ("variance", "float64", "", "by that of the plain circuit's shots; nan: not linear"),
        ("error", "float64", "", "of the circuit's values, root mean square from no noise"),
        ("accuracy", "float64", "share", "on the test split"),
        ("nll", "float64", "nats", "on the test split"),
        ("recovered", "float64", "share", "of the NLL that the noise costs"),
        ("difference", "float64", "nats", "in NLL to no mitigation"),
        ("low", "float64", "nats", "lower end of its 95 % interval"),
        ("high", "float64", "nats", "upper end"),
        ("verdict", "text", "", "on the difference"),
    )
)
