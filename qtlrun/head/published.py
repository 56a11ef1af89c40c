"""Weights of the dressed quantum network as they were published, read into a head of ours."""
import math
from pathlib import Path

import torch
from torch import Tensor, nn

STORED = 15  # rows of circuit weights in the published files, whatever the depth; row k + 1 is layer k


def load(head: nn.Module, path: str, shape: tuple[int, ...], angles: bool = True) -> None:
    """Fill `pre`, `angles` and `post` of every run from a file with `q_params`, `pre_net` and `post_net`; `angles` only if asked.

    Raises ValueError where the file is absent, is none of these, or holds other sizes than the head has.
    """
    if not Path(path).is_file():
        raise ValueError(f"state={path}: there is no such file.")
    try:
        file = torch.load(path, map_location="cpu", weights_only=True)
        values = {"angles": _rows(file["q_params"].flatten(), shape, path), "pre.weight": file["pre_net.weight"], "pre.bias": file["pre_net.bias"],
                  "post.weight": file["post_net.weight"], "post.bias": file["post_net.bias"]}
    except Exception as error:  # torch.load raises a dozen kinds on a damaged file
        if isinstance(error, ValueError):
            raise
        raise ValueError(f"state={path}: no file of published weights (q_params, pre_net, post_net) could be read "
                         f"from it ({type(error).__name__}).") from error
    for name, parameter in head.named_parameters():
        if name == "angles" and not angles:
            continue
        if parameter.shape[1:] != values[name].shape:
            raise ValueError(f"state={path}: {name} is {tuple(values[name].shape)} in the file and "
                             f"{tuple(parameter.shape[1:])} in this head.")
        parameter.data.copy_(values[name].expand_as(parameter))


def _rows(flat: Tensor, shape: tuple[int, ...], path: str) -> Tensor:
    """Exactly one row a layer, from that or from the 15 stored rows of the published code."""
    depth, qubits = shape
    if len(flat) == math.prod(shape):
        return flat.view(shape)
    if len(flat) == STORED * qubits and depth < STORED:
        return flat.view(STORED, qubits)[1:depth + 1]
    raise ValueError(f"state={path}: its {len(flat)} angles are neither {depth} x {qubits} nor {STORED} x {qubits}, as depth "
                     "and qubits ask for.")
