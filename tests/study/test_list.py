"""The list of all options: every group, added folders, installed devices."""

import composition
import pytest

from qtlrun.compose import main, run_words
from qtlrun.device.installed import list_devices
from qtlrun.plan import option


def test_every_option_has_its_line_and_nothing_is_written(home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    result = run_words(("study=list",))
    frame = result.frame
    for group in option.GROUPS:
        assert sorted(frame[frame["group"] == group]["option"]) == composition.options(group)
    assert (frame["about"].str.len() > 10).all()
    assert set(frame[frame["default"]]["option"]) >= {"dressed", "twin", "digits"}
    assert result.folder is None and not list(tmp_path.glob("outputs/*/*"))
    assert "circuit: Gates and measurements" in capsys.readouterr().out


def test_options_of_an_added_folder_are_listed(home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "circuit").mkdir(parents=True)
    (tmp_path / "mine" / "circuit" / "ring.yaml").write_text("# A ring of mine.\n_target_: a.B\n")
    assert main(["--config-dir", "mine", "study=list", "study.groups=[circuit]"]) == 0
    assert "A ring of mine." in capsys.readouterr().out


def test_a_group_that_is_none_is_refused(home, capsys):
    assert main(["study=list", "study.groups=[circus]"]) == 2
    assert "did you mean circuit?" in capsys.readouterr().err


def test_devices_have_the_gradient_methods_that_they_can_use():
    devices = {device.name: device for device in list_devices()}
    assert {"backprop", "adjoint", "parameter-shift"} <= set(devices["default.qubit"].methods)
    assert "adjoint" in devices["lightning.qubit"].methods
    assert "backprop" not in devices["lightning.qubit"].methods
    assert not devices["default.qutrit"].methods and devices["default.qutrit"].reason


@pytest.mark.parametrize("group", list(option.GROUPS))
def test_a_description_is_the_first_comment(group):
    for name in composition.options(group):
        assert option.describe(option.find(group, name, []))
