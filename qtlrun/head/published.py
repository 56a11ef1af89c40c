"""Published weights and start values of the dressed quantum network, loaded into a head."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from qtlrun import statefile
from qtlrun.error import BadValue, about_values

# Rows of circuit weights in the published files, whatever the depth; row k + 1 is layer k.
STORED_ROWS = 15
SPREAD = 0.001  # standard deviation of the spirals' start values


def load(head: nn.Module, path: str, shape: tuple[int, ...], angles: bool = True) -> None:
    """Fill the weights of every run from a published file; the angles only if asked.

    `pre`, `angles` and `post` are the file's `pre_net`, `q_params` and `post_net`. Raises
    ValueError where the file is absent, is none of these, or holds other sizes than the head has.
    """
    if not Path(path).is_file():
        raise BadValue("state", path, "there is no such file")
    with about_values(state=path):
        file = statefile.read(Path(path))
    try:
        values = {
            "angles": file["q_params"].flatten(),
            "pre.weight": file["pre_net.weight"],
            "pre.bias": file["pre_net.bias"],
            "post.weight": file["post_net.weight"],
            "post.bias": file["post_net.bias"],
        }
        if angles:
            values["angles"] = _rows(values["angles"], shape, path)
    except Exception as error:  # torch.load raises a dozen kinds on a damaged file
        if isinstance(error, ValueError):
            raise
        raise BadValue(
            "state",
            path,
            (
                "no file of published weights (q_params, pre_net, post_net) could be"
                f" read from it ({type(error).__name__})"
            ),
        ) from error
    for name, parameter in head.named_parameters():
        if name == "angles" and not angles:
            continue
        if parameter.shape[1:] != values[name].shape:
            raise BadValue(
                "state",
                path,
                (
                    f"{name} is {tuple(values[name].shape)} in the file and"
                    f" {tuple(parameter.shape[1:])} in this head"
                ),
            )
        if not values[name].isfinite().all():
            raise BadValue(
                "state", path, f"{name} has numbers that are not finite", "the file is damaged"
            )
        parameter.data.copy_(values[name].expand_as(parameter))


@torch.no_grad()
def begin(head: nn.Module, seeds: list[int], angles: bool = True) -> None:
    """Fill the weights of every run with the start values of the published spirals.

    These are `pre`, `post`, `middle` where a head has it, and `angles` if asked. The values are
    one normal vector per seed, from NumPy's RandomState: pre, 15 rows of circuit weights of
    which row k + 1 is layer k, the classical rival's middle, post; an affine map is (outputs,
    inputs + 1), its bias in the last column. Source: arXiv:1912.08278, example 1, its notebook.
    Raises ValueError for a circuit whose angles are not such rows.
    """
    weights = dict(head.named_parameters())
    wires, features = weights["pre.weight"].shape[1:]
    classes, outputs = weights["post.weight"].shape[1:]
    shapes = {
        "pre": (wires, features + 1),
        "angles": (STORED_ROWS, wires),
        "middle": (wires, wires + 1),
        "post": (classes, outputs + 1),
    }
    sizes = [math.prod(shape) for shape in shapes.values()]
    drawn = np.stack([SPREAD * np.random.RandomState(seed).randn(sum(sizes)) for seed in seeds])
    blocks = torch.from_numpy(drawn).split(sizes, dim=1)
    for (name, shape), block in zip(shapes.items(), blocks, strict=True):
        block = block.unflatten(1, shape)
        if name == "angles" and name in weights and angles:
            _check_shape(weights[name].shape[1:], wires)
            weights[name].copy_(block[:, 1 : weights[name].shape[1] + 1])
        elif f"{name}.weight" in weights:
            weights[f"{name}.weight"].copy_(block[..., :-1])
            weights[f"{name}.bias"].copy_(block[..., -1])


def _check_shape(shape: tuple[int, ...], wires: int) -> None:
    if len(shape) != 2 or shape[1] != wires or shape[0] >= STORED_ROWS:
        sizes = " x ".join(map(str, shape)) or "one"
        raise BadValue(
            "layout",
            "mari2019",
            (
                f"it has {STORED_ROWS - 1} layers of {wires} angles, one an input, and"
                f" this circuit's weights are {sizes}"
            ),
            f"use circuit=dressed up to depth {STORED_ROWS - 1}, or null",
        )


def _rows(flat: Tensor, shape: tuple[int, ...], path: str) -> Tensor:
    """One row per layer, from as many or from the 15 stored rows of the published code."""
    if len(flat) == math.prod(shape):
        return flat.view(shape)
    depth, qubits = shape if len(shape) == 2 else (STORED_ROWS, shape[-1])
    if len(flat) == STORED_ROWS * qubits and depth < STORED_ROWS:
        return flat.view(STORED_ROWS, qubits)[1 : depth + 1]
    sizes = " x ".join(map(str, shape))
    raise BadValue(
        "state",
        path,
        (
            f"its {len(flat)} angles are neither {sizes} nor {STORED_ROWS} x {qubits}, as this"
            " circuit asks for"
        ),
    )
