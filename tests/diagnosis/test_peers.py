"""Faults that other tools name, and traps of public threads: each is named here too."""

from pathlib import Path

import pytest

from qtlrun.diagnosis import CHECKS, examine, load_case

FOLDER = Path(__file__).parent
# Findings of qmlkit 0.3.0 and the code here. Its four on kernels look at the matrix between all
# items, these at the similarities that a model computes: one that is indefinite, or lost in noise,
# is so by the shots of its values.
FAULTS = {
    "no_trainable_parameters": "Q123",
    "encoding_commutes": "Q103",
    "inputs_unused": "Q104",
    "dead_weights": "Q102",
    "no_entanglement": "Q110",
    "flat_gradients": "Q107",
    "unmeasurable_weights": "Q102",
    "quantum_layer_bypassed": "Q104",
    "kernel_not_psd": "Q122",
    "kernel_concentrated": "Q108",
    "kernel_unresolvable": "Q122",
    "kernel_at_concentration_scale": "Q124",
}
TRAPS = {
    "pennylane_6078": "Q117",
    "qiskit_100": "Q210",
    "qiskit_310": "Q209",
    "output_list": "Q205",
}
CODES = {check.code for check in CHECKS}


def codes(path):
    return [finding.check.code for finding in examine(load_case(path), CHECKS).findings]


SLOW = ("flat_gradients", "kernel_concentrated", "kernel_at_concentration_scale")


def tier(name):
    """Marks of a fault; those of many wires have a small plant in tests/diagnosis/plants."""
    return pytest.mark.slow if name in SLOW else ()


@pytest.mark.parametrize(
    "name, code", [pytest.param(*each, marks=tier(each[0])) for each in FAULTS.items()]
)
def test_a_fault_that_qmlkit_names_is_named(name, code):
    assert code in codes(f"{FOLDER}/faults.py:{name}")


@pytest.mark.parametrize("name, code", TRAPS.items())
def test_a_trap_of_a_public_thread_is_named(name, code):
    if code not in CODES:
        pytest.skip(f"{code} is not in the catalogue")
    assert code in codes(f"{FOLDER}/traps/{name}.py:build")
