"""One forward and backward pass of the dressed circuit on every device, interleaved in one process, one thread."""
import statistics
import time

import torch

from qtlrun.circuit.dressed import Dressed
from qtlrun.device.pennylane import PennyLane
from qtlrun.device.statevector import Statevector

SIZES = ((4, 6, 4), (4, 6, 32), (8, 6, 32))  # qubits, depth, batch
ROUNDS = 7


def main() -> None:
    torch.set_num_threads(1)
    print("milliseconds, least and median of interleaved rounds; ratio of medians to statevector\n")
    print("| qubits, depth, batch | device | least | median | ratio |\n| --- | --- | --- | --- | --- |")
    for qubits, depth, batch in SIZES:
        runs = {"statevector": Statevector(), "default.qubit": PennyLane("default.qubit"), "lightning.qubit": PennyLane("lightning.qubit")}
        runs = {name: device.run(Dressed(qubits, depth)) for name, device in runs.items()}
        inputs, weights = torch.randn(1, batch, qubits, requires_grad=True), torch.randn(1, depth, qubits, requires_grad=True)
        reference = runs["default.qubit"](inputs, weights)
        for name, run in runs.items():  # correct before fast; and warm
            torch.testing.assert_close(run(inputs, weights), reference, rtol=0, atol=1e-5, msg=f"{name} is wrong")
        seconds = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, run in runs.items():
                began = time.perf_counter()
                run(inputs, weights).sum().backward()
                seconds[name].append(time.perf_counter() - began)
        middle = {name: statistics.median(values) for name, values in seconds.items()}
        for name, values in seconds.items():
            print(f"| {qubits}, {depth}, {batch} | {name} | {min(values) * 1e3:.2f} | {middle[name] * 1e3:.2f} | "
                  f"{middle[name] / middle['statevector']:.1f} |")


if __name__ == "__main__":
    main()
