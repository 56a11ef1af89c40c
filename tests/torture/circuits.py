"""Random circuits of kinked and smooth angles on every engine and device: python
tests/torture/circuits.py [COUNT [FIRST]].

Prints how many agree with a QNode on default.qubit in values (1e-9) and gradients (1e-7), how many
are refused in a sentence, and each that differs. Exit code 1 where one differs.
"""

import sys
import warnings
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
EVERY = 100  # circuits between two lines of progress


def main(count: int, first: int) -> int:
    """Compare so many circuits from the first on."""
    import torch
    from kinked import outcomes

    torch.set_num_threads(1)
    warnings.simplefilter(
        "ignore"
    )  # PennyLane's and torch's about numbers that lose their gradient
    totals = Counter()
    for number in range(first, first + count):
        for device, outcome in outcomes(number).items():
            totals[device, outcome.split(":")[0]] += 1
            if outcome.startswith("differs"):
                print(f"circuit {number} on {device} {outcome}", flush=True)
        if (number + 1 - first) % EVERY == 0:
            print(f"{number + 1 - first} circuits", file=sys.stderr, flush=True)
    devices = sorted({device for device, _ in totals})
    print(f"| {count} circuits | equal | refused | differ |\n|---|---|---|---|")
    for device in devices:
        print(
            "|",
            " | ".join(
                [device, *(str(totals[device, word]) for word in ("equal", "refused", "differs"))]
            ),
            "|",
        )
    return int(any(word == "differs" for _, word in totals))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(numbers + [10_000, 1000][len(numbers) :])))
