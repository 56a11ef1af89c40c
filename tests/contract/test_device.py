"""The user's devices: refused before training, and named by file and line."""

from types import SimpleNamespace

import pytest

from qtlrun.contract.device import UserDevice, adapt_device
from qtlrun.error import UsageError


class Device:
    exact = True

    def __init__(self, compiled=None):
        self.compiled = compiled

    def run(self, circuit, entangle=True):
        return self.compiled

    def exactly(self):
        return Device("exact")

    def drawing(self, seed):
        return Device(seed)


def measure(inputs, weights):
    return inputs


measure.outputs = 1
measure.reading = None


def test_a_device_that_fits_gives_what_it_compiles():
    device = adapt_device(Device(measure), "device", "mine.Device")
    assert device.run("circuit") is measure and device.exact is True


def test_a_device_that_draws_gives_devices_of_its_own():
    drawn = Device()
    drawn.exact = False
    device = adapt_device(drawn, "device", "mine.Device")
    assert not device.exact
    assert isinstance(device.exactly(), UserDevice) and device.drawing(7).device.compiled == 7


@pytest.mark.parametrize("compiled", [None, len, SimpleNamespace(outputs=1, reading=None)])
def test_what_is_no_function_with_its_outputs_and_gates_is_refused(compiled):
    with pytest.raises(UsageError) as caught:
        adapt_device(Device(compiled), "device", "mine.Device").run("circuit")
    assert caught.value.key == "device" and "outputs" in caught.value.reason


def test_a_device_that_takes_no_entangler_is_refused():
    with pytest.raises(UsageError, match=r"takes other arguments than \(circuit, entangle\)"):
        adapt_device(SimpleNamespace(run=lambda circuit: measure), "device", "mine.Device")


def test_a_device_that_draws_without_saying_how_is_refused():
    device = SimpleNamespace(run=lambda circuit, entangle: measure, exact=False)
    with pytest.raises(UsageError, match=r"lacks exactly\(\) or drawing\(seed\)"):
        adapt_device(device, "device", "mine.Device")
