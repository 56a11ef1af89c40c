"""The caller's global modes do not reach training or the store, and are restored."""

import contextlib
from operator import attrgetter

import numpy as np
import pytest
import torch
from composition import SHORT, train_row, variants

import qtlrun
from qtlrun.batch import cached
from qtlrun.experiment import Experiment
from qtlrun.freeze import Freeze
from qtlrun.head.classical import Classical
from qtlrun.layer import Start
from qtlrun.mode import PRECISIONS, find_layout, fresh, small_convolutions
from qtlrun.recipe import Recipe
from qtlrun.train import fit


@contextlib.contextmanager
def putting(put, value, before):
    put(value)
    try:
        yield
    finally:
        put(before)


@contextlib.contextmanager
def setting(part, name, value):
    before = getattr(part, name)
    setattr(part, name, value)
    try:
        yield
    finally:
        setattr(part, name, before)


def switch_onednn(on):
    torch.backends.mkldnn.set_flags(_enabled=on)


MODES = {
    "no_grad": torch.no_grad,
    "set_grad_enabled": lambda: putting(torch.set_grad_enabled, False, True),
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "default dtype": lambda: putting(torch.set_default_dtype, torch.float64, torch.float32),
    "half default dtype": lambda: putting(torch.set_default_dtype, torch.bfloat16, torch.float32),
    "default device": lambda: putting(torch.set_default_device, "meta", None),
    "device context": lambda: torch.device("meta"),
    "deterministic": lambda: putting(torch.use_deterministic_algorithms, True, False),
    "products of one backend in tf32": lambda: setting(
        torch.backends.cuda.matmul, "fp32_precision", "tf32"
    ),
    "products of the other backend in bfloat16": lambda: setting(
        torch.backends.mkldnn.matmul, "fp32_precision", "bf16"
    ),
    "convolutions in full": lambda: setting(torch.backends.cudnn.conv, "fp32_precision", "ieee"),
    "everything in bfloat16": lambda: setting(torch.backends, "fp32_precision", "bf16"),
    "without oneDNN": lambda: putting(switch_onednn, False, True),
    "without NNPACK": lambda: putting(torch.backends.nnpack.set_flags, False, True),
    "benchmark": lambda: setting(torch.backends.cudnn, "benchmark", True),
    "products in bfloat16": lambda: putting(
        torch.set_float32_matmul_precision, "medium", "highest"
    ),
    "anomaly": lambda: torch.autograd.set_detect_anomaly(True),
    "one thread more": lambda: putting(
        torch.set_num_threads, torch.get_num_threads() + 1, torch.get_num_threads()
    ),
    "numpy raises": lambda: np.errstate(all="raise"),
    "another seed": lambda: contextlib.nullcontext(torch.manual_seed(3)),
}
UNTOUCHED = (
    "one thread more",
    "another seed",
)  # they are no modes, and training does not depend on them
PRETRAINED = (
    "backbone.pretrain.recipe.epochs=1",
    "recipe.epochs=1",
    "dataset.train=6",
    "circuit.qubits=2",
    "circuit.depth=1",
)


def told(row):
    return {
        seed: (outcome.curves, outcome.logits.tobytes()) for seed, outcome in row.outcomes.items()
    }


def without_seconds(entries):
    return {
        seed: (
            [{name: value for name, value in one.items() if name != "seconds"} for one in curves],
            logits,
        )
        for seed, (curves, logits) in entries.items()
    }


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """Two rows as they are trained in a process without other modes: a head on pixels, and on
    pre-trained features.
    """
    home, found = tmp_path_factory.mktemp("right"), {}
    for name, words in (("pixels", SHORT), ("pretrained", PRETRAINED)):
        row = variants(*words)["composed"]
        found[name] = row, without_seconds(told(train_row(Experiment(str(home)), "A", row, [0, 1])))
    return found


@pytest.mark.parametrize("name", MODES)
def test_the_callers_mode_does_not_reach_training(right, tmp_path, name):
    row, expected = right["pixels"]
    with MODES[name]():
        made = train_row(Experiment(str(tmp_path)), "A", row, [0, 1])
    assert without_seconds(told(made)) == expected and not made.errors


@pytest.mark.parametrize(
    "name", ["no_grad", "inference_mode", "autocast", "default dtype", "without oneDNN"]
)
def test_nor_does_it_reach_pre_training_and_what_the_store_keeps_of_it(right, tmp_path, name):
    row, expected = right["pretrained"]
    with MODES[name]():
        train_row(Experiment(str(tmp_path)), "A", row, [0, 1])
    later = train_row(
        Experiment(str(tmp_path), fresh=True), "A", row, [0, 1]
    )  # trained anew on what was pre-trained then
    assert without_seconds(told(later)) == expected


def precision(place):
    """How exact float32 is there; "none" and "ieee" are the same where products are meant."""
    value = attrgetter(f"{place}fp32_precision")(torch.backends)
    return "none" if value in PRECISIONS[place] else value


@pytest.mark.parametrize("name", [name for name in MODES if name not in UNTOUCHED])
def test_the_callers_mode_is_there_again_afterwards(name):
    def state():
        return (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_autocast_enabled("cpu"),
            torch.get_default_dtype(),
            torch.get_default_device(),
            torch.get_deterministic_debug_mode(),
            torch.backends.cudnn.benchmark,
            torch._C._get_mkldnn_enabled(),
            torch._C._get_nnpack_enabled(),
            *map(precision, PRECISIONS),
            torch.is_anomaly_enabled(),
            np.geterr(),
        )

    plain = state()
    with MODES[name]():
        before = state()
        with pytest.raises(KeyError), fresh():
            assert state() == plain
            raise KeyError
        assert state() == before
    assert state() == plain


def test_a_training_that_is_stepped_through_leaves_the_caller_its_mode_between_two_epochs():
    draw = torch.Generator().manual_seed(0)
    data = cached(torch.randn(12, 3, generator=draw), torch.arange(12) % 2)

    def losses(mode):
        head, steps = Classical(3, 2, Start([0])), []
        with mode():
            training = fit(head, None, [Recipe(3, 4, 0.1, 0.1)], Freeze("all"), data, data, [0])
            steps.extend((record.loss, torch.is_grad_enabled()) for record in training)
        return [loss for loss, _ in steps], {grad for _, grad in steps}

    plain, off = losses(contextlib.nullcontext), losses(torch.no_grad)
    assert plain == (off[0], {True}) and off[1] == {False} and len(set(map(tuple, plain[0]))) == 3


def test_a_run_from_python_under_no_grad_gives_the_rows_of_one_without(
    home, undrawn, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    frames = []
    for place, mode in (("a", contextlib.nullcontext), ("b", torch.no_grad)):
        with mode():
            frame = qtlrun.run(*SHORT, "compare=[]", f"home={tmp_path / place}").frame
        frames.append(frame[~frame.metric.str.contains("second")].reset_index(drop=True))
    assert frames[0].equals(frames[1]) and len(frames[0])


@pytest.mark.parametrize(
    "shape, switched",
    [((8, 3, 8, 8), True), ((16, 3, 8, 8), True), ((17, 3, 8, 8), False), ((8, 3), False)],
)
def test_small_pictures_alone_are_convolved_by_torchs_own_kernels(shape, switched):
    def libraries():
        return torch._C._get_mkldnn_enabled(), torch._C._get_nnpack_enabled()

    with pytest.raises(KeyError), small_convolutions(torch.zeros(shape)):
        assert libraries() == (not switched, not switched)
        raise KeyError
    assert libraries() == (True, True)


@pytest.mark.parametrize(
    "channels, kernel, stride, layout",
    [
        (4, 1, 2, torch.contiguous_format),
        (4, 1, (1, 2), torch.contiguous_format),
        (16, 1, 2, torch.channels_last),
        (4, 1, 1, torch.channels_last),
        (4, 3, 2, torch.channels_last),
    ],
)
def test_few_channels_before_a_strided_convolution_of_one_place_are_not_last(
    channels, kernel, stride, layout
):
    network = torch.nn.Sequential(torch.nn.Conv2d(channels, 8, kernel, stride))
    assert find_layout(network) == layout


def test_a_narrow_network_is_trained_with_the_gradients_of_torchs_own_kernels():
    """oneDNN on AVX2 writes past its buffer where such a network's pictures have channels last."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(4, 8, 1, 2, bias=False)
    pictures = torch.randn(32, 4, 16, 16).to(memory_format=find_layout(network))
    gradients = []
    for small in (pictures[:0], torch.empty(2**15, 4, 1, 1)):
        with small_convolutions(small):
            loss = network(pictures).square().sum()
            gradients.append(torch.autograd.grad(loss, network.weight)[0])
    assert torch.allclose(*gradients, rtol=1e-4)
