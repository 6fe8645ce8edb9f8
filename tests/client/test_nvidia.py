"""NVIDIA GPUs: the real library, with the answers of a driver that this machine may not have."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from holdfast.client import nvidia


@pytest.fixture(autouse=True)
def looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "_looked", False)
    monkeypatch.setattr(nvidia, "_library", None)


def with_driver(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
    """Two GPUs, this process on the second; an answer of False raises as the driver does."""

    def refused(*arguments: Any) -> Any:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    own = SimpleNamespace(pid=os.getpid())
    driver: dict[str, Any] = {
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda gpu: "NVIDIA H200",
        "nvmlDeviceGetUUID": lambda gpu: f"GPU-{gpu}".encode(),
        "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(total=1000, used=250),
        "nvmlSystemGetCudaDriverVersion": lambda: 12040,
        "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=90 + gpu, memory=40),
        "nvmlDeviceGetTemperature": lambda gpu, sensor: 55,
        "nvmlDeviceGetPowerUsage": lambda gpu: 300_000,
        "nvmlDeviceGetEnforcedPowerLimit": lambda gpu: 600_000,
        "nvmlDeviceGetComputeRunningProcesses": lambda gpu: [own] if gpu == 1 else [],
    }
    for name, answer in driver.items():
        assert hasattr(pynvml, name)
        monkeypatch.setattr(pynvml, name, answers.get(name, answer) or refused)


def test_what_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch)
    assert nvidia.describe() == [
        {"name": "NVIDIA H200", "memory_total": 1000, "uuid": "GPU-0"},
        {"name": "NVIDIA H200", "memory_total": 1000, "uuid": "GPU-1"},
    ]
    assert nvidia.cuda_version() == "12.4"


def test_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch)
    values = nvidia.read(os.getpid())
    assert values["gpu.0.gpu"] == 90.0
    assert values["gpu.1.gpu"] == 91.0
    assert values["gpu.process.1.gpu"] == 91.0
    assert not any(key.startswith("gpu.process.0.") for key in values)
    assert values["gpu.0.memory"] == 40.0
    assert values["gpu.0.memoryAllocated"] == 25.0
    assert values["gpu.0.memoryAllocatedBytes"] == 250.0
    assert values["gpu.0.temp"] == 55.0
    assert values["gpu.0.powerWatts"] == 300.0
    assert values["gpu.0.enforcedPowerLimitWatts"] == 600.0
    assert values["gpu.0.powerPercent"] == 50.0
    assert all(type(value) is float for value in values.values())


def test_a_reading_that_a_gpu_has_not_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch, nvmlDeviceGetPowerUsage=False, nvmlDeviceGetUtilizationRates=False)
    values = nvidia.read(os.getpid())
    assert "gpu.0.gpu" not in values
    assert "gpu.0.powerWatts" not in values
    assert values["gpu.0.temp"] == 55.0


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch, nvmlInit=False)
    assert nvidia.describe() == []
    assert nvidia.read(os.getpid()) == {}
    assert nvidia.cuda_version() == ""


def test_a_driver_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch)
    assert nvidia.read(os.getpid())
    with_driver(monkeypatch, nvmlDeviceGetCount=False)
    assert nvidia.read(os.getpid()) == {}


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvidia.describe() == []
