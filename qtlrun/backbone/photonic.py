"""Photonic network in truncated Fock space: layers of gates on states of light."""

import math
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from qtlrun import disk, download, fock, memory
from qtlrun.backbone.stage import Stage
from qtlrun.error import BadValue
from qtlrun.layer import generator
from qtlrun.plan import facts

BLOCK_LEVELS = 4  # of each mode
# Indices of the angles among the weights of a layer, by modes.
ANGLES = {1: [2, 3, 4], 2: [0, 1, 2, 3, 4, 5, 7, 9, 11, 13]}
SPREAD = 0.1  # standard deviation of the other weights of a random layer
BATCH_ITEMS = 512  # at once
BATCH_COPIES = 8  # arrays of each item that are held for that
ADDRESS = "https://raw.githubusercontent.com/XanaduAI/quantum-transfer-learning/master/pre_trained/"
PUBLISHED = {  # by modes, with its SHA-256
    1: ("circuit_A.npy", "adcc41c80444b5ea5e3bb71f9a3533059007d3c8b788c603c10cc46cd64e0acd"),
    2: ("trained_params.npy", "f529b6ebd87111f6ed4de82df569c8d5e83c4d1dbc1b3bc04182e0ffc6f6037d"),
}
MAX_BYTES = 1_000_000  # of a file; the larger one has 1,728


@facts(
    title=("photonic x {layers}, cutoff {cutoff}",), defects={"squeezing": False}, simulates=True
)
class Photonic(nn.Module):
    """First layers of a photonic network, on the states that items prepare.

    There are `layers` of them and `cutoff` levels a mode. `weights` is mari2019 (two modes: 25
    layers of Killoran et al., arXiv:1806.06871, that draw tetrominoes; one mode: one layer), a .npy
    file of a layer a column, or none: layers drawn from `seed`, angles uniform, all else normal
    with standard deviation .1. `output` is block, the moduli of the amplitudes of up to three
    photons a mode, divided by their norm, as a device that post-selects would have them (Mari et
    al., arXiv:1912.08278, example 4); or state, the real parts of all amplitudes, then the
    imaginary ones, as they are. `squeezing=false` leaves the squeezing out of a layer on one mode,
    as the published code does by accident. What is moved above the cutoff is lost; `retention` says
    how much is not. Raises ValueError for weights that cannot be had or do not fit, and for a
    cutoff that cannot be held.
    """

    takes = ("states",)
    folded = False

    def __init__(
        self,
        modes: int,
        cutoff: int,
        layers: int,
        weights: str | None,
        output: Literal["block", "state"],
        squeezing: bool = True,
        seed: int = 0,
        data: Path | None = None,
    ):
        super().__init__()
        if modes not in fock.LAYER_WEIGHTS:
            raise BadValue("modes", modes, "layers are known for 1 mode and for 2")
        if layers < 0:
            raise BadValue("layers", layers, "layers of the network that are used, from 0 up")
        _check_cutoff(modes, cutoff, BLOCK_LEVELS if output == "block" else 2)
        self.modes = modes
        self.cutoff = cutoff
        self.output = output
        self.squeezing = squeezing
        columns, self.fingerprint = _columns(modes, layers, weights, seed, data)
        self.layers = nn.ParameterList(nn.Parameter(column) for column in columns)
        self.stages = [Stage([layer], []) for layer in self.layers]
        self.features = BLOCK_LEVELS**modes if output == "block" else 2 * cutoff**modes

    def preprocess(self, item: Tensor, generator=None) -> Tensor:
        """Return an item as it is."""
        return item

    def forward(self, items: Tensor) -> Float[Tensor, "batch features"]:
        """Features in the precision of the items (batch, 6 modes)."""
        state = self._state(items)
        if self.output == "state":
            return torch.cat([state.real.flatten(1), state.imag.flatten(1)], 1)
        moduli = self._block(state).abs().flatten(1)
        return moduli / _positive(torch.linalg.vector_norm(moduli, dim=1, keepdim=True))

    def retention(self, items: Tensor) -> dict[str, Float[Tensor, " batch"]]:
        """Probability that each state has within the cutoff, and that of its post-selection."""
        state = self._state(items)
        shares = {"norm_kept": fock.probability(state).flatten(1).sum(1)}
        if self.output == "block":
            shares["post_selected"] = fock.probability(self._block(state)).flatten(1).sum(1)
        return shares

    def patterns(self, items: Tensor) -> Float[Tensor, " batch *levels"]:
        """Probabilities of up to three photons per mode, renormalised; a picture, for two modes."""
        chance = fock.probability(self._block(self._state(items)))
        return chance / _positive(chance.sum(tuple(range(1, chance.dim())), keepdim=True))

    def _state(self, items: Tensor) -> Tensor:
        fock.check(items, self.modes)
        state = fock.prepare(items, self.cutoff).to(items.dtype.to_complex())
        for weights in self.layers:
            if self.modes == 1:
                state = (
                    state @ fock.one_mode(weights, self.cutoff, self.squeezing).to(state.dtype).mT
                )
            else:
                state = fock.two_modes(weights, state)
        return state

    def _block(self, state: Tensor) -> Tensor:
        return state[(slice(None), *[slice(BLOCK_LEVELS)] * self.modes)]


def _check_cutoff(modes: int, cutoff: int, least: int) -> None:
    if cutoff < least:
        raise BadValue(
            "cutoff",
            cutoff,
            (
                f"levels a mode, from {least}"
                f" up{f'; a block has {BLOCK_LEVELS}' * (least == BLOCK_LEVELS)}"
            ),
        )
    if cutoff > fock.MAX_CUTOFF:
        raise BadValue(
            "cutoff",
            cutoff,
            "double precision does not hold its gates",
            f"use {fock.MAX_CUTOFF} or fewer",
        )
    level_bytes = 16 * BATCH_COPIES * BATCH_ITEMS * modes
    held = memory.total()
    most = math.isqrt(held // level_bytes)
    if cutoff > most:
        raise BadValue(
            "cutoff",
            cutoff,
            (
                f"{BATCH_ITEMS} items at once need"
                f" {level_bytes * cutoff**2 / 2**30:.2g} GiB, and this machine has"
                f" {held / 2**30:.2g}"
            ),
            f"use {most} or fewer",
        )


def _columns(
    modes: int, layers: int, weights: str | None, seed: int, data: Path | None
) -> tuple[list[Tensor], str]:
    """Weights of each layer, and the hash of their file."""
    if weights in (None, "none"):
        columns = [_random(modes, generator(seed, "layer", number)) for number in range(layers)]
        return columns, "none"
    path = _published_path(modes, data) if weights == "mari2019" else Path(weights)
    stored = _read(path, weights, modes)
    if layers > stored.shape[1]:
        raise BadValue(
            "layers",
            layers,
            f"{path.name} has {stored.shape[1]}",
            f"use {stored.shape[1]} or fewer",
        )
    return list(torch.from_numpy(stored.astype(float)).T[:layers].clone()), disk.file_digest(path)


def _random(modes: int, draw: torch.Generator) -> Tensor:
    column = SPREAD * torch.randn(
        fock.LAYER_WEIGHTS[modes], generator=draw, dtype=torch.double, device="cpu"
    )
    turns = torch.rand(len(ANGLES[modes]), generator=draw, dtype=torch.double, device="cpu")
    column[ANGLES[modes]] = (2 * turns - 1) * math.pi
    return column


def _read(path: Path, weights: str, modes: int) -> np.ndarray:
    if not path.is_file():
        raise BadValue(
            "weights",
            weights,
            "there is no such file",
            "give a .npy file, mari2019, or none for random",
            missing=True,
        )
    try:
        with open(path, "rb") as file:
            stored = np.lib.format.read_array(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadValue(
            "weights",
            weights,
            f"no array of numpy's could be read from this file ({type(error).__name__})",
        ) from error
    rows = fock.LAYER_WEIGHTS[modes]
    if (
        stored.ndim != 2
        or stored.shape[0] != rows
        or stored.dtype.kind != "f"
        or not np.isfinite(stored).all()
    ):
        raise BadValue(
            "weights",
            weights,
            (
                f"for modes={modes} it must hold finite numbers of shape ({rows},"
                f" layers), and it holds {stored.dtype} of shape {stored.shape}"
            ),
        )
    return stored


def _published_path(modes: int, data: Path | None) -> Path:
    """Path of the published file, downloaded on first use; its hash is checked at every use."""
    name, content = PUBLISHED[modes]
    path = Path(data or ".").expanduser() / "mari2019" / name
    if not path.is_file():
        try:
            download.fetch(
                [ADDRESS + name], path, algorithm="sha256", digest=content, most=MAX_BYTES
            )
        except OSError as error:
            raise BadValue(
                "weights",
                "mari2019",
                f"{name} could not be downloaded ({download.reason(error)})",
                f"put {ADDRESS}{name} (its SHA-256 begins with {content[:8]}) into {path.parent},"
                " or name a file with backbone.weights=FILE",
                missing=True,
            ) from error
    if disk.file_digest(path) != content:
        raise BadValue(
            "weights",
            "mari2019",
            f"{path} is not the published file, whose SHA-256 begins with {content[:8]}",
            "remove it, and it is downloaded again",
        )
    return path


def _positive(x: Tensor) -> Tensor:
    """Norms that can be divided by: a block that nothing reaches stays 0."""
    return x.clamp_min(fock.MIN_NORM)
