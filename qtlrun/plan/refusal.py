"""Names of errors that are being replaced."""

from qtlrun.error import UsageError, check_finite

Refused = UsageError
finite = check_finite


class Absent(UsageError):
    def __init__(self, reason: str):
        super().__init__(reason, missing=True)
