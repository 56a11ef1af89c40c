import hashlib
import math
import urllib.error
import urllib.request

import numpy as np
import pytest
import torch
from composition import part
from scipy.special import factorial

from qtlrun import fock, memory
from qtlrun.backbone import photonic
from qtlrun.backbone.photonic import Photonic
from qtlrun.error import UsageError
from qtlrun.freeze import Freeze
from qtlrun.plan import build

CENTRES = 1.4 * np.array(
    [(1, 1), (-1, 1), (1, -1), (-1, -1), (1j, 1j), (-1j, 1j), (1j, -1j)]
)  # of the published task
LIT = {  # the tetrominoes, by class: levels of the first mode downwards, of the second to the right
    "L": [(0, 0), (1, 0), (2, 0), (2, 1)],
    "O": [(0, 0), (0, 1), (1, 0), (1, 1)],
    "T": [(0, 0), (0, 1), (0, 2), (1, 1)],
    "I": [(0, 0), (1, 0), (2, 0), (3, 0)],
    "S": [(0, 1), (0, 2), (1, 0), (1, 1)],
    "J": [(0, 1), (1, 1), (2, 0), (2, 1)],
    "Z": [(0, 0), (0, 1), (1, 1), (1, 2)],
}


def made(**values):
    """A backbone as the runner builds it, from its YAML."""
    data = values.pop("data", None)
    return build(
        "backbone",
        part("backbone", "photonic") | {"weights": "none", "layers": 2} | values,
        data=data,
    )


def refusal(**values):
    with pytest.raises(UsageError) as error:
        made(**values)
    return str(error.value)


def coherent(amplitudes, dtype=torch.double):
    """Items of coherent states, from an array of one amplitude a mode."""
    amplitudes = np.asarray(amplitudes)
    items = np.zeros((*amplitudes.shape, 6))
    items[..., 1], items[..., 2] = amplitudes.real, amplitudes.imag
    return torch.from_numpy(items).flatten(1).to(dtype)


def draws(count, modes, seed=0):
    draw = np.random.default_rng(seed)
    return coherent(draw.normal(size=(count, modes)) + 1j * draw.normal(size=(count, modes)))


def numpy_file(path, shape, dtype=np.float32):
    np.save(path, np.random.default_rng(1).uniform(-0.1, 0.1, shape).astype(dtype))
    return str(path)


def test_the_published_layers_draw_the_seven_tetrominoes(data):
    backbone = made(weights="mari2019", layers=25, data=data)
    with torch.no_grad():
        pictures, kept = backbone.patterns(coherent(CENTRES)), backbone.retention(coherent(CENTRES))
    for picture, places in zip(pictures, LIT.values(), strict=True):
        lit = torch.zeros(4, 4, dtype=torch.bool)
        lit[tuple(zip(*places, strict=False))] = True
        assert picture.sum().item() == pytest.approx(1)
        assert picture[lit].min() >= 0.14 and picture[lit].max() < 0.305  # published to two places
        assert picture[~lit].max() < 0.035
    np.testing.assert_allclose(kept["norm_kept"], np.full(7, 0.999), rtol=0, atol=1e-3)
    np.testing.assert_allclose(
        kept["post_selected"], [0.112, 0.026, 0.290, 0.351, 0.043, 0.279, 0.050], rtol=0, atol=2e-3
    )


def published_states(batches):
    """The published task's states in the order of its generator: all batches of training, then of
    test.
    """
    draw = np.random.RandomState(100)
    noise = draw.normal(scale=0.6, size=(2 * batches, 4, 7))
    return coherent(
        (CENTRES + noise[:, ::2].swapaxes(1, 2) + 1j * noise[:, 1::2].swapaxes(1, 2)).reshape(-1, 2)
    )


def test_a_batch_of_the_published_task_is_drawn_as_it_was():
    """Its four calls of the generator a batch are one call here."""
    draw = np.random.RandomState(100)
    first, second = ([draw.normal(scale=0.6, size=7) for _ in range(4)] for _ in range(2))
    for batch, noise in enumerate((first, second)):
        found = (
            published_states(1).view(2, 7, 2, 6)[batch, :, :, 1:3].permute(1, 2, 0).flatten(0, 1)
        )
        centres = [part for mode in CENTRES.T for part in (mode.real, mode.imag)]
        expected = [one + centre for one, centre in zip(noise, centres, strict=True)]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_the_published_task_is_learnt_as_well_as_published_and_discards_half_of_the_probability(
    data,
):
    """Printed: a test accuracy of .8067 after 1000 batches, each used once.

    In NumPy: .802, kept .94 and .46.
    """
    backbone, items = made(weights="mari2019", layers=15, data=data), published_states(1000).float()
    with torch.no_grad():
        features = torch.cat([backbone(some) for some in items.split(500)]).view(2, 1000, 7, 16)
        kept = backbone.retention(items[-1400:])
    torch.manual_seed(1)
    head, labels = torch.nn.Linear(16, 7), torch.arange(7)
    optimizer = torch.optim.Adam(head.parameters(), 0.01)
    for batch in features[0]:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(head(batch), labels).backward()
        optimizer.step()
    accuracy = (head(features[1]).argmax(-1) == labels).double().mean().item()
    assert accuracy == pytest.approx(
        0.802, abs=0.02
    )  # 7000 states: a standard error of .005, and a start of its own
    assert kept["norm_kept"].mean().item() == pytest.approx(0.94, abs=0.01)
    assert kept["post_selected"].mean().item() == pytest.approx(0.46, abs=0.02)


@pytest.mark.parametrize("modes", [1, 2])
def test_without_layers_a_block_has_the_moduli_of_the_prepared_state(modes):
    """Coherent amplitudes in closed form, divided by the norm of the first four of each mode."""
    alpha, n = np.array([[0.8 - 0.3j, 1.2j], [-0.5, 0.4 + 2j]])[:, :modes], np.arange(4)
    moduli = np.abs(alpha)[..., None] ** n / np.sqrt(factorial(n))
    moduli /= np.linalg.norm(moduli, axis=-1, keepdims=True)
    expected = (
        moduli[:, 0]
        if modes == 1
        else (moduli[:, 0, :, None] * moduli[:, 1, None, :]).reshape(2, 16)
    )
    backbone = made(modes=modes, layers=0)
    assert backbone.stages == [] and backbone.features == 4**modes
    np.testing.assert_allclose(backbone(coherent(alpha)), expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        backbone.patterns(coherent(alpha)).flatten(1), expected**2, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("modes", [1, 2])
def test_a_state_is_its_real_parts_and_then_its_imaginary_ones(modes):
    backbone, items = made(modes=modes, cutoff=6, output="state", layers=3), draws(4, modes)
    features = backbone(items)
    assert features.shape == (4, backbone.features) and backbone.features == 2 * 6**modes
    kept = backbone.retention(items)
    assert set(kept) == {"norm_kept"}
    real, imaginary = features.chunk(2, 1)
    torch.testing.assert_close(
        real.square().sum(1) + imaginary.square().sum(1), kept["norm_kept"], rtol=1e-12, atol=0
    )
    block = made(modes=modes, cutoff=6, layers=3)
    moduli = torch.complex(real, imaginary).abs().unflatten(1, [6] * modes)
    moduli = moduli[(slice(None), *[slice(4)] * modes)].flatten(1)
    torch.testing.assert_close(
        block(items), moduli / moduli.norm(dim=1, keepdim=True), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(
        block.retention(items)["post_selected"], moduli.square().sum(1), rtol=0, atol=1e-12
    )


def test_a_larger_cutoff_keeps_more_and_agrees_where_nothing_is_lost():
    items = 0.7 * draws(5, 2)
    small, large = (made(cutoff=cutoff, output="state", layers=1) for cutoff in (12, 16))
    lost = 1 - small.retention(items)["norm_kept"]
    assert (lost > 0).all() and (1 - large.retention(items)["norm_kept"] < lost).all()
    first, second = (
        torch.complex(*one(items).chunk(2, 1)).unflatten(1, [one.cutoff] * 2)
        for one in (small, large)
    )
    # what one gate loses, the next would have brought back in part
    assert (first[:, :4, :4] - second[:, :4, :4]).abs().amax((1, 2)).max() < lost.sqrt().max()


def test_a_block_that_nothing_reaches_is_zero():
    items = coherent(np.zeros((1, 1)))
    items[0, 0] = 5  # photons
    backbone = made(modes=1, layers=0)
    assert not backbone(items).any() and not backbone.patterns(items).any()
    assert backbone.retention(items) == {
        "norm_kept": torch.ones(1),
        "post_selected": torch.zeros(1),
    }


@pytest.mark.parametrize("modes", [1, 2])
def test_single_precision_differs_by_its_rounding(modes):
    backbone, items = made(modes=modes, cutoff=8), draws(6, modes)
    double = backbone(items)
    single = backbone.float()(items.float())
    assert double.dtype == torch.double and single.dtype == torch.float32
    np.testing.assert_allclose(single.detach(), double.detach(), rtol=0, atol=1e-5)


def test_the_published_layer_of_one_mode_without_squeezing_is_another_one(data):
    items = draws(3, 1)
    said = {
        "modes": 1,
        "layers": 1,
        "weights": "mari2019",
        "output": "state",
        "cutoff": 30,
        "data": data,
    }
    both = [made(**said, squeezing=squeezing) for squeezing in (True, False)]
    assert len(both[0].stages) == 1 and both[0].fingerprint == both[1].fingerprint
    squeeze, displace, r1, r2, r3, cubic = both[0].layers[0].tolist()
    assert squeeze == pytest.approx(0.7160148) and cubic == pytest.approx(0.1667125)
    gated, bare = (torch.complex(*one(items).detach().chunk(2, 1)) for one in both)
    # without squeezing a rotation, a displacement, a rotation and a cubic phase are left
    alpha = items[:, 1:3].numpy() @ [1, 1j] * np.exp(1j * (r1 + r2)) + displace
    state = fock.prepare(coherent(alpha[:, None] * np.exp(1j * r3)), 30)
    state = state @ fock.cubic_phase(torch.tensor(cubic, dtype=torch.double), 30).mT
    overlap = (bare * state.conj()).sum(1).abs()  # two displacements in a row leave a phase
    np.testing.assert_allclose(
        overlap, np.ones(3), rtol=0, atol=1e-3
    )  # 30 levels keep these to 1e-4
    assert (gated - bare).abs().max() > 0.1


def test_random_layers_have_uniform_angles_and_small_sizes_and_come_from_the_seed():
    backbone = made(layers=400, seed=3)
    weights = torch.stack(list(backbone.layers)).detach()
    angles = weights[:, photonic.ANGLES[2]]
    sizes = weights[:, [place for place in range(16) if place not in photonic.ANGLES[2]]]
    assert angles.abs().max() < math.pi
    assert angles.std().item() == pytest.approx(math.pi / 3**0.5, rel=0.05)  # of 4000: 1 %
    assert (
        sizes.std().item() == pytest.approx(0.1, rel=0.08) and sizes.abs().max() > 0.2
    )  # of 2400: 1.5 %
    assert all(
        torch.equal(one, other)
        for one, other in zip(made(layers=3, seed=3).layers, backbone.layers, strict=False)
    )
    assert (
        not torch.equal(made(layers=1, seed=4).layers[0], backbone.layers[0])
        and backbone.fingerprint == "none"
    )


def test_a_file_of_layers_is_used_up_to_the_layers_asked_for(tmp_path):
    path = numpy_file(tmp_path / "mine.npy", (16, 4))
    backbone = made(weights=path, layers=3)
    assert torch.equal(
        torch.stack(list(backbone.layers), 1), torch.from_numpy(np.load(path)[:, :3]).double()
    )
    assert backbone.fingerprint == hashlib.sha256((tmp_path / "mine.npy").read_bytes()).hexdigest()


@pytest.mark.parametrize("modes", [1, 2])
def test_unfrozen_layers_are_trained_and_frozen_ones_are_not(modes):
    backbone, items = made(modes=modes, cutoff=5, layers=3), draws(4, modes)
    Freeze(frozen=1).apply(backbone, 0)
    assert all(
        stage.parameters[0] is layer
        for stage, layer in zip(backbone.stages, backbone.layers, strict=True)
    )
    backbone(items)[:, 0].sum().backward()
    assert backbone.layers[0].grad is None and all(
        layer.grad.abs().max() > 0 for layer in list(backbone.layers)[1:]
    )
    assert Freeze(frozen="all").fixed(backbone) and not Freeze(frozen=1).fixed(backbone)


def test_its_sizes_are_asked_without_its_weights():
    """Where torch makes no numbers; and it takes a real item all the same."""
    with torch.device("meta"):
        backbone = made(layers=15, cutoff=5)
    assert backbone.features == 16 and len(backbone.stages) == 15
    item = coherent(CENTRES[:1])
    assert backbone.preprocess(item) is item and torch.isfinite(backbone.eval()(item)).all()


def test_items_of_other_numbers_are_refused():
    backbone = made(modes=2)
    with pytest.raises(ValueError) as error:
        backbone(torch.zeros(1, 4))
    assert (
        str(error.value)
        == "backbone.modes=2: an item is 12 numbers that prepare a state, and these are 4 "
        "numbers; use dataset=coherent with 2 modes, or dataset=gaussian with 1."
    )


@pytest.mark.parametrize(
    "values, words",
    [
        ({"modes": 3}, "modes=3: layers are known for 1 mode and for 2."),
        ({"layers": -1}, "layers=-1: layers of the network that are used, from 0 up."),
        ({"cutoff": 3}, "cutoff=3: levels a mode, from 4 up; a block has 4."),
        ({"cutoff": 1, "output": "state"}, "cutoff=1: levels a mode, from 2 up."),
        ({"cutoff": 61}, "cutoff=61: double precision does not hold its gates; use 60 or fewer."),
        (
            {"weights": "no.npy"},
            (
                "weights=no.npy: there is no such file; give a .npy file, mari2019, or none for"
                " random."
            ),
        ),
    ],
)
def test_values_that_cannot_be_are_refused(values, words):
    assert refusal(**values) == f"backbone.{words}"


@pytest.mark.parametrize("modes, most", [(1, 28), (2, 20)])
def test_a_cutoff_beyond_this_machines_memory_is_refused_with_the_largest_that_fits(
    monkeypatch, modes, most
):
    held = 16 * photonic.BATCH_COPIES * photonic.BATCH_ITEMS * modes * most**2
    monkeypatch.setattr(memory, "_machine", lambda: held)
    made(modes=modes, cutoff=most, layers=0)
    need = 16 * photonic.BATCH_COPIES * photonic.BATCH_ITEMS * modes * 50**2 / 2**30
    assert (
        refusal(modes=modes, cutoff=50)
        == f"backbone.cutoff=50: 512 items at once need {need:.2g} GiB, and this machine has"
        f" {held / 2**30:.2g}; use {most} or fewer."
    )


def test_files_that_hold_no_such_layers_are_refused(tmp_path):
    path = tmp_path / "mine.npy"
    for array in (
        np.zeros((6, 3), "f4"),
        np.zeros(16),
        np.zeros((16, 2), int),
        np.full((16, 2), np.nan),
    ):
        np.save(path, array)
        assert (
            refusal(weights=str(path))
            == f"backbone.weights={path}: for modes=2 it must hold finite numbers of shape (16,"
            f" layers), and it holds {array.dtype} of shape {array.shape}."
        )
    for content in (b"", b"no array", b"PK", b"\x93NUMPY\x01\x00v\x00"):
        path.write_bytes(content)
        words = refusal(weights=str(path))
        assert words.startswith(
            f"backbone.weights={path}: no array of numpy's could be read from this file ("
        )
    numpy_file(path, (16, 4))
    assert (
        refusal(weights=str(path), layers=5) == "backbone.layers=5: mine.npy has 4; use 4 or fewer."
    )


def test_more_layers_than_were_published_are_refused(data):
    for modes, name, most in ((1, "circuit_A.npy", 1), (2, "trained_params.npy", 25)):
        words = refusal(weights="mari2019", layers=most + 1, modes=modes, data=data)
        assert words == f"backbone.layers={most + 1}: {name} has {most}; use {most} or fewer."


ADDRESS = "https://raw.githubusercontent.com/XanaduAI/quantum-transfer-learning/master/pre_trained/"


class Response:
    """What a server answers."""

    def __init__(self, content):
        self.content = content

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def read(self, most):
        return self.content[:most]


def test_a_published_file_that_is_absent_is_downloaded_once(tmp_path, data, monkeypatch):
    asked, content = [], (data / "mari2019/circuit_A.npy").read_bytes()
    answer = lambda address, timeout: asked.append(address) or Response(content)  # noqa: E731
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    for _ in range(2):
        made(weights="mari2019", modes=1, layers=1, data=tmp_path)
    assert asked == [ADDRESS + "circuit_A.npy"]
    assert (tmp_path / "mari2019/circuit_A.npy").read_bytes() == content


def test_a_published_file_that_cannot_be_had_is_named_with_its_place(tmp_path, monkeypatch):
    def answer(content):
        if content is None:
            raise urllib.error.URLError("no network")
        return Response(content)

    for content, reason in ((None, "no network"), (b"<html>", "what came is another file")):
        monkeypatch.setattr(
            urllib.request, "urlopen", lambda *_, content=content, **__: answer(content)
        )
        assert (
            refusal(weights="mari2019", data=tmp_path)
            == "backbone.weights=mari2019: trained_params.npy could not be downloaded"
            f" ({reason}); put {ADDRESS}trained_params.npy (its SHA-256 begins with f529b6eb)"
            f" into {tmp_path / 'mari2019'}, or name a file with backbone.weights=FILE."
        )
        assert not list(tmp_path.iterdir())


def test_a_published_file_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "mari2019/trained_params.npy"
    path.parent.mkdir()
    numpy_file(path, (16, 25))
    assert (
        refusal(weights="mari2019", data=tmp_path)
        == f"backbone.weights=mari2019: {path} is not the published file, whose SHA-256 begins with"
        " f529b6eb; remove it, and it is downloaded again."
    )


def test_it_takes_states_alone():
    assert Photonic.takes == ("states",) and Photonic.folded is False
