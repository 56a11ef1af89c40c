"""Qiskit's Aer under noise: channels in the tapes, or the noise model of a processor."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.devices import Device
from pennylane.tape import QuantumScript

from qtlrun.error import UsageError, nearest

NAME = "qiskit.aer"
METHOD = "density_matrix"
METHODS = ("automatic", "statevector", METHOD)  # that noise may stand beside; all become METHOD
TRANSPILER_SEED = 0  # of layout and routing: the same circuit on the processor each time
LARGE_PROCESSOR = "fake_sherbrooke"  # of 127 qubits
ROTATIONS = ("RX", "RY", "RZ")


class NoisyAer(Device):
    """Density matrices of Aer, measured in the basis of Z after turns of the tape's own.

    A tape's channels act where they stand. With a processor the tape is transpiled to its gates
    and couplings, once for all angles, by Qiskit's default level, and the processor's noise model
    acts on these gates and on the readout. Without shots all is exact.

    Arguments:
        wires: their count.
        processor: name of one of IBM's, as `fake_manila`; None: noise is in the tapes alone.
        seed: of the shots.
        options: of `qiskit_aer.AerSimulator`.
    """

    name = NAME

    def __init__(self, wires: int, processor: str | None, seed: int, options: dict[str, Any]):
        super().__init__(wires=range(wires))
        import qiskit_aer

        self.backend = None if processor is None else find_processor(processor, wires)
        model = None if self.backend is None else _read_model(self.backend)
        self.flips = {} if model is None else _read_flips(model)
        exact = options | {"method": METHOD}
        self.simulator = qiskit_aer.AerSimulator(noise_model=model, **exact)
        self.draw = np.random.default_rng(seed)
        self.programs: dict[tuple, Any] = {}

    def preprocess_transforms(self, execution_config=None):
        """Tapes of measurements in one basis each."""
        return qml.transforms.core.TransformProgram([qml.transforms.split_non_commuting])

    def execute(self, circuits: Sequence[QuantumScript], execution_config=None) -> list:
        """Measured values of tapes; those of the same gates at other angles go to Aer at once."""
        groups: dict[tuple, list[int]] = {}
        for number, tape in enumerate(circuits):
            groups.setdefault(_key(tape), []).append(number)
        results: list = [None] * len(circuits)
        for key, numbers in groups.items():
            if key not in self.programs:
                self.programs[key] = self._compile(circuits[numbers[0]])
            tapes = [circuits[number] for number in numbers]
            for number, chances in zip(numbers, self._run(key, tapes), strict=True):
                results[number] = self._measure(circuits[number], chances)
        return results

    def _compile(self, tape: QuantumScript) -> tuple:
        """Circuit for Qiskit with parameters for angles, these, and where its wires lie."""
        circuit, parameters = _translate(tape, len(self.wires))
        places = list(range(len(self.wires)))
        if self.backend is not None:
            from qiskit import transpile

            circuit = transpile(circuit, self.backend, seed_transpiler=TRANSPILER_SEED)
            places = circuit.layout.final_index_layout()
        return circuit, parameters, places

    def _run(self, key: tuple, tapes: list[QuantumScript]) -> list[np.ndarray]:
        """Chances of the outcomes of all wires, or their shares of the shots, for each tape."""
        circuit, parameters, places = self.programs[key]
        circuit = circuit.copy()
        shots = tapes[0].shots.total_shots
        lowest_first = places[::-1]  # Qiskit's first wire is the lowest bit
        if shots is None:
            circuit.save_probabilities(lowest_first, label="chances")
            options: dict[str, Any] = {}
        else:
            circuit.add_bits(_bits(len(places)))
            circuit.measure(lowest_first, range(len(places)))
            options = {"shots": shots, "seed_simulator": int(self.draw.integers(2**31))}
        angles = np.array([_angles(tape) for tape in tapes], dtype=float)
        binds = {
            parameter: angles[:, column].tolist()
            for column, parameter in enumerate(parameters)
            if parameter in circuit.parameters
        }
        circuits = [circuit] if binds else [circuit] * len(tapes)
        options["parameter_binds"] = [binds] if binds else None
        result = self.simulator.run(circuits, **options).result()
        if not result.success:
            raise UsageError(f"Aer fails ({result.status})", key="device.name", value=NAME)
        if shots is None:
            exact = [result.data(number)["chances"] for number in range(len(tapes))]
            return [self._misread(np.asarray(each), places) for each in exact]
        return [_shares(result.data(number)["counts"], len(places)) for number in range(len(tapes))]

    def _misread(self, chances: np.ndarray, places: list[int]) -> np.ndarray:
        """Chances of what is read, of those of what is there."""
        tables = [self.flips.get(place, np.eye(2)) for place in places]
        return reduce(np.kron, tables).T @ chances if self.flips else chances

    def _measure(self, tape: QuantumScript, chances: np.ndarray):
        """Measured values of a tape, as PennyLane has them."""
        state = np.diag(chances)
        values = tuple(
            process.process_density_matrix(state, self.wires) for process in tape.measurements
        )
        return values if len(values) > 1 else values[0]


def open_aer(wires: int, processor: str | None, seed: int, options: dict[str, Any]) -> NoisyAer:
    """Aer under noise; refused where it is not installed, or does not take the options."""
    method = options.get("method", METHOD)
    if method not in METHODS:
        raise UsageError(
            f"noise is simulated by density matrices, and method={method} has none",
            f"use method={METHOD}",
            key="device.options",
            value=options,
        )
    try:
        import qiskit_aer
    except ImportError as error:
        raise UsageError(
            f"Qiskit's Aer does not load: {' '.join(str(error).split())}",
            "pip install 'qtlrun[qiskit]' brings it",
            key="device.name",
            value=NAME,
        ) from error
    try:
        return NoisyAer(wires, processor, seed, options)
    except qiskit_aer.AerError as error:
        reason = error.message
        raise UsageError(
            f"Aer does not take them ({reason})", key="device.options", value=options
        ) from error


def find_processor(name: str, wires: int):
    """Processor of IBM's by its name, as Qiskit recorded it; refuses unknown and small ones."""
    from qiskit_ibm_runtime import fake_provider
    from qiskit_ibm_runtime.fake_provider.fake_backend import FakeBackendV2

    classes: list[Any] = [each for each in vars(fake_provider).values() if isinstance(each, type)]
    processors = {each.backend_name: each for each in classes if issubclass(each, FakeBackendV2)}
    if name not in processors:
        raise UsageError(nearest(name, sorted(processors)), key="device.noise", value=name)
    backend = processors[name]()
    if backend.num_qubits < wires:
        raise UsageError(
            f"it has {backend.num_qubits} qubits, and the circuit needs {wires}",
            f"use fewer, or a larger processor, as {LARGE_PROCESSOR}",
            key="device.noise",
            value=name,
        )
    return backend


def _read_model(backend):
    from qiskit_aer.noise import NoiseModel

    return NoiseModel.from_backend(backend)


def _read_flips(model) -> dict[int, np.ndarray]:
    """Chances of a qubit's readings, (state, reading), by its number."""
    return {
        qubits[0]: np.array(error["probabilities"])
        for error in model.to_dict()["errors"]
        for qubits in error.get("gate_qubits", ())
        if error["type"] == "roerror"
    }


def _operations(tape: QuantumScript) -> list:
    """Operations of a tape, then the turns to the basis of its measurements."""
    operations: list = []
    for operation in (*tape.operations, *tape.diagonalizing_gates):
        is_wide = operation.name == "MultiRZ"
        operations += operation.decomposition() if is_wide else [operation]
    return operations


def _is_turned(operation) -> bool:
    return operation.name in ROTATIONS


def _key(tape: QuantumScript) -> tuple:
    """Gates of a tape without its angles, and its shots."""
    parts = []
    for operation in _operations(tape):
        constants = () if _is_turned(operation) else tuple(map(_bytes, operation.data))
        parts.append((operation.name, tuple(operation.wires), constants))
    return tape.shots.total_shots, *parts


def _bytes(values) -> bytes:
    return np.asarray(values, dtype=complex).tobytes()


def _angles(tape: QuantumScript) -> list[float]:
    """Angles of a tape's rotations, in radians."""
    return [float(each.data[0]) for each in _operations(tape) if _is_turned(each)]


def _translate(tape: QuantumScript, wires: int) -> tuple:
    """Circuit for Qiskit, and a parameter for each angle in order."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.circuit.library import UnitaryGate
    from qiskit.quantum_info import Kraus

    circuit = QuantumCircuit(wires)
    parameters: list = []
    for operation in _operations(tape):
        places = list(operation.wires)
        if _is_turned(operation):
            parameters.append(Parameter(f"angle_{len(parameters)}"))
            getattr(circuit, operation.name.lower())(parameters[-1], *places)
        elif isinstance(operation, qml.operation.Channel):
            circuit.append(Kraus(operation.kraus_matrices()).to_instruction(), places[::-1])
        else:
            circuit.append(UnitaryGate(qml.matrix(operation)), places[::-1])
    return circuit, parameters


def _bits(count: int) -> list:
    from qiskit.circuit import Clbit

    return [Clbit() for _ in range(count)]


def _shares(counts: dict[str, int], wires: int) -> np.ndarray:
    """Shares of the outcomes, of Aer's counts by hexadecimal number."""
    shares = np.zeros(2**wires)
    for outcome, count in counts.items():
        shares[int(outcome, 16)] = count
    return shares / shares.sum()
