"""Frame of a diagnosis: a line for each finding."""

from qtlrun.report.column import Schema, columns

FINDINGS = Schema(
    columns(
        ("code", "text", "", "of the check; it never changes its meaning"),
        ("name", "text", "", "of the check"),
        ("severity", "text", "", "fault, warning or note"),
        ("value", "float64", "that of the check", "measured"),
        ("limit", "float64", "that of the check", "threshold of the value"),
        ("finding", "text", "", "what was measured, and where"),
        ("reason", "text", "", "for the threshold"),
        ("fix", "text", "", "what to change"),
        ("override", "text", "", "words on the command line that change it"),
    )
)
