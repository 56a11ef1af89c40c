from dataclasses import dataclass


@dataclass(frozen=True)
class Compare:
    margin: float
    shots: int
