"""Gate on two wires that any other is, up to rotations after it."""

import pennylane as qml

ANGLES = 9


def couple(angles, wires: tuple[int, int]) -> None:
    """Turn both wires by RZ, RY, RZ, then by XX, YY and ZZ together.

    Any gate on two wires is this one and a rotation of each wire after it (Khaneja and Glaser,
    arXiv:quant-ph/0010100).
    """
    for wire, turns in zip(wires, (angles[:3], angles[3:6]), strict=True):
        qml.RZ(turns[0], wire)
        qml.RY(turns[1], wire)
        qml.RZ(turns[2], wire)
    qml.IsingXX(angles[6], wires)
    qml.IsingYY(angles[7], wires)
    qml.IsingZZ(angles[8], wires)
