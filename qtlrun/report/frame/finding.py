"""Frame of a diagnosis: a line for each finding."""

from qtlrun.report.schema import Column, Schema

FINDINGS = Schema(
    (
        Column("code", "text", "", "of the check; it never changes its meaning"),
        Column("name", "text", "", "of the check"),
        Column("severity", "text", "", "fault, warning or note"),
        Column("value", "float64", "that of the check", "measured"),
        Column("limit", "float64", "that of the check", "threshold of the value"),
        Column("finding", "text", "", "what was measured, and where"),
        Column("reason", "text", "", "for the threshold"),
        Column("fix", "text", "", "what to change"),
        Column("override", "text", "", "words on the command line that change it"),
    )
)
