"""Files of weights: taken out of what programs write around them; damage is found wherever the file
can show it.
"""

import argparse
import json
import random
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from qtlrun import disk, statefile
from qtlrun.backbone import weights


def network():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


STATE = network().state_dict()
NAMES = set(STATE)


def saved(path, content):
    (save_file if path.suffix == ".safetensors" else torch.save)(content, path)
    return path


def filled(path, known=NAMES):
    made = network()
    weights.fill(made, weights.read(path), known, path)
    return made.state_dict()


def refusal(path):
    with pytest.raises(ValueError) as error:
        filled(path)
    return str(error.value).removeprefix(f"weights={path}: ")


def prefixed(*words):
    return {".".join((*words, name)): value for name, value in STATE.items()}


OPTIMIZER = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3, "arch": "net"},
        {
            "model": STATE,
            "optimizer": OPTIMIZER,
            "epoch": torch.tensor(3),
            "args": argparse.Namespace(lr=0.1),
        },
        {"model_state_dict": STATE, "loss": 0.3},
        prefixed("module"),
        prefixed("_orig_mod"),
        prefixed("model"),
        prefixed("_orig_mod", "module"),
        {
            "state_dict": prefixed("model") | {"criterion.weight": torch.ones(3)},
            "pytorch-lightning_version": "2",
        },
        prefixed("backbone") | {"head.weight": torch.ones(2, 4)},
        {name: value for name, value in STATE.items() if not name.endswith("num_batches_tracked")},
    ],
)
def test_the_forms_in_which_programs_save_a_model_are_taken_out(tmp_path, content):
    found = filled(saved(tmp_path / "a.pth", content))
    assert all(
        torch.equal(found[name], STATE[name])
        for name in NAMES
        if not name.endswith("num_batches_tracked")
    )


@pytest.mark.parametrize(
    "content, words",
    [
        (
            {"model": STATE, "model_ema": STATE},
            "no state dict could be read from this file (it holds several, model and model_ema; "
            "save the one wanted alone).",
        ),
        (
            {"epoch": 3, "optimizer": OPTIMIZER},
            "no state dict could be read from this file (it holds epoch, optimizer).",
        ),
        ({}, "no state dict could be read from this file (it is empty)."),
        ([1, 2], "no state dict could be read from this file (it holds a list)."),
        (torch.ones(3), "no state dict could be read from this file (it holds a Tensor)."),
        (
            prefixed("q") | prefixed("k"),
            "this file has the model under q. and k., 2 times; save the one wanted alone.",
        ),
        (
            {"stem.kernel": torch.ones(3)},
            "this file lacks 0.weight (8 of 9 missing, 1 unknown); name the model it was made for, "
            "and with backbone.layer the layer that it reaches to. Its names are stem.kernel.",
        ),
        (
            {name: value for name, value in prefixed("module").items() if "2.bias" not in name},
            "this file lacks 2.bias (1 of 9 missing, 0 unknown); name the model it was made for,"
            " and with backbone.layer the layer that it reaches to.",
        ),
    ],
)
def test_what_a_file_holds_instead_is_said(tmp_path, content, words):
    assert refusal(saved(tmp_path / "a.pth", content)) == words


def test_a_whole_model_is_named_and_not_executed(tmp_path):
    words = refusal(saved(tmp_path / "a.pth", network()))
    assert (
        words == "no state dict could be read from this file (it holds an object of"
        " torch.nn.modules.container.Sequential, which could run code; save its state_dict()"
        " alone)."
    )


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("name", ["0.weight", "1.running_mean", "2.bias"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_not_finite_is_refused_by_its_name(tmp_path, ending, name, value):
    spoiled = {key: tensor.clone() for key, tensor in STATE.items()}
    spoiled[name].view(-1)[1] = value
    count = STATE[name].numel()
    words = (
        f"1 of the {count} numbers of {name} are not finite; the file is damaged, or its training"
        " diverged."
    )
    assert refusal(saved(tmp_path / f"a.{ending}", spoiled)) == words


@pytest.mark.parametrize(
    "name, value, words",
    [
        (
            "1.running_var",
            torch.tensor([1.0, -1, 1, 1]),
            "1.running_var has variances below 0; the file is damaged.",
        ),
        ("2.bias", torch.tensor([1, 2]), "2.bias is int64 in the file and float32 in the model."),
        (
            "2.bias",
            torch.tensor([1e300, 2], dtype=torch.float64),
            (
                "1 of the 2 numbers of 2.bias are not finite; the file is damaged, "
                "or its training diverged."
            ),
        ),
    ],
)
def test_a_tensor_that_cannot_be_what_it_is_called_is_refused(tmp_path, name, value, words):
    assert refusal(saved(tmp_path / "a.pth", STATE | {name: value})) == words


def test_half_precision_is_taken(tmp_path):
    half = {
        name: value.half() if value.is_floating_point() else value for name, value in STATE.items()
    }
    found = filled(saved(tmp_path / "a.pth", half))
    assert torch.equal(found["0.weight"], STATE["0.weight"].half().float())


def flips(path, count=300):
    """The file with one bit flipped, many times, each at a place drawn."""
    whole, draw = path.read_bytes(), random.Random(0)
    for _ in range(count):
        spoiled = bytearray(whole)
        place = draw.randrange(len(whole))
        spoiled[place] ^= 1 << draw.randrange(8)
        path.write_bytes(spoiled)
        yield place
    path.write_bytes(whole)


def test_a_flipped_bit_of_an_archive_of_torch_is_found_or_changes_no_weight(tmp_path):
    """torch.load does not look at the checksums that it writes."""
    path = saved(tmp_path / "a.pth", {"weight": torch.randn(3000)})
    right, found = statefile.read_state(path)["weight"], 0
    for _ in flips(path):
        try:
            assert torch.equal(statefile.read_state(path)["weight"], right)
        except ValueError:
            found += 1
    assert found > 250


def test_an_archive_without_checksums_is_taken(tmp_path):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        path = saved(tmp_path / "a.pth", STATE)
    finally:
        torch.serialization.set_crc32_options(before)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip()
    assert torch.equal(filled(path)["0.weight"], STATE["0.weight"])


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("part", [0, 0.01, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(tmp_path, ending, part):
    path = saved(tmp_path / f"a.{ending}", STATE)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    assert refusal(path).startswith(
        ("no state dict could be read from this file (", "this file is damaged (")
    )


def test_every_flipped_bit_of_a_file_that_a_run_has_listed_is_found(tmp_path):
    (tmp_path / "weights").mkdir()
    path = saved(tmp_path / "weights/B-seed0.safetensors", STATE)
    digest = disk.file_digest(path)
    (tmp_path / "weights.json").write_text(
        json.dumps({"sha256": {"weights/B-seed0.safetensors": digest}})
    )
    filled(path)
    for _ in flips(path):
        words = (
            f"this file is damaged: its SHA-256 is not {digest[:12]}..., which weights.json has"
            " of it."
        )
        assert refusal(path) == words
    filled(path)


def test_a_damaged_file_is_found_by_its_bare_name(tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    path = saved(tmp_path / "weights/a.safetensors", STATE)
    (tmp_path / "weights.json").write_text(
        json.dumps({"sha256": {"weights/a.safetensors": "0" * 64}})
    )
    monkeypatch.chdir(tmp_path / "weights")
    assert refusal(Path(path.name)).startswith("this file is damaged: ")


def test_a_file_with_a_published_name_is_compared_with_the_hash_in_it(tmp_path):
    path = saved(tmp_path / "net-0badf00d.pth", STATE)
    addresses = ["https://download.pytorch.org/models/net-0badf00d.pth"]
    with pytest.raises(ValueError) as error:
        weights.check_published(path, addresses)
    assert (
        str(error.value)
        == f"weights={path}: this is not the published net-0badf00d.pth, whose SHA-256 begins with"
        " 0badf00d; it is damaged, or another file under its name."
    )
    right = path.rename(tmp_path / f"net-{disk.file_digest(path)[:8]}.pth")
    weights.check_published(right, [f"https://download.pytorch.org/models/{right.name}"])
    weights.check_published(right, addresses)
