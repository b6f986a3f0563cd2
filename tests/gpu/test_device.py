"""Devices by name: what is there, and one line with the install command for what is not."""

from types import SimpleNamespace

import numpy as np
import pytest

from mcmc import device as devices
from mcmc.device import INSTALL, SIMULATOR_VARIABLE
from mcmc.errors import ArgumentError, DeviceError
from mcmc.landscapes import graphs
from mcmc.landscapes.xy import XYModel, xy_model
from perceptron import BinaryPerceptron, device_model, random_patterns


@pytest.fixture
def refusal(monkeypatch):
    """The message of a device that is refused, with given packages and a driver that says what it is told to."""

    def check(name, installed=("numba_cuda", "cupy"), cuda=None, simulator=None):
        monkeypatch.setattr(devices, "find_spec", lambda module: module if module in installed else None)
        monkeypatch.setattr(devices, "_numba_cuda", lambda: cuda)
        monkeypatch.delenv(SIMULATOR_VARIABLE, raising=False)
        if simulator is not None:
            monkeypatch.setenv(SIMULATOR_VARIABLE, simulator)
        with pytest.raises(DeviceError) as caught:
            devices.require(name)
        message = str(caught.value)
        assert "\n" not in message
        assert message.startswith(f"device {name}: ")
        return message

    return check


def no_driver():
    return SimpleNamespace(is_available=lambda: False)


def broken():
    def fail():
        raise OSError("libnvvm.so.4: cannot open shared object file\n  searched in ...")

    return SimpleNamespace(is_available=fail)


def test_cpu_is_always_there():
    assert devices.resolve("cpu").arrays is np
    assert devices.resolve("cpu").label == "cpu"
    assert "cpu" in devices.present()
    assert type(xy_model(graphs.square(4))) is XYModel


@pytest.mark.parametrize(("installed", "package"), [((), "numba-cuda"), (("numba_cuda",), "cupy-cuda13x")])
def test_missing_package(refusal, installed, package):
    message = refusal("cuda", installed)
    assert f"{package} is not installed" in message
    assert message.endswith(f"run: {INSTALL}")


def test_missing_driver(refusal):
    message = refusal("cuda", cuda=no_driver())
    assert "no NVIDIA GPU" in message
    assert INSTALL in message


def test_broken_package(refusal):
    message = refusal("cuda", cuda=broken())
    assert "libnvvm.so.4: cannot open shared object file" in message
    assert INSTALL in message


def test_simulator_must_be_asked_for_in_time(refusal):
    assert f"{SIMULATOR_VARIABLE}=1" in refusal("cuda-simulator")
    assert INSTALL in refusal("cuda-simulator", installed=(), simulator="1")
    assert "unset it" in refusal("cuda", simulator="1")


def test_devices_that_are_not_there_are_not_listed(refusal):
    refusal("cuda", cuda=no_driver())
    assert devices.present() == ("cpu",)


def test_model_on_a_missing_device(refusal):
    expected = refusal("cuda", installed=())
    with pytest.raises(DeviceError) as caught:
        xy_model(graphs.square(4), device="cuda")
    assert str(caught.value) == expected


def test_perceptron_on_a_missing_device(refusal):
    model = BinaryPerceptron(random_patterns(9, 0.8, seed=1))
    assert device_model(model, "cpu") is model
    expected = refusal("cuda", installed=())
    with pytest.raises(DeviceError) as caught:
        device_model(model)
    assert str(caught.value) == expected
    with pytest.raises(ArgumentError, match="device: got 'gpu'"):
        device_model(model, "gpu")


def test_unknown_device():
    with pytest.raises(ArgumentError, match=r"device: got 'gpu'; one of cpu, cuda, cuda-simulator is needed"):
        devices.require("gpu")


def test_host_arrays():
    values = np.arange(3.0)
    assert devices.to_host(values) is values
    on_device = SimpleNamespace(__cuda_array_interface__={}, get=lambda: values)
    assert devices.to_host(on_device) is values
