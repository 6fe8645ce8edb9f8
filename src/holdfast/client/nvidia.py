"""NVIDIA GPUs through NVML, when the driver and the package nvidia-ml-py are there.

The one home of `pynvml`. Everything here answers "nothing" on machines without; a reading that
one GPU does not have is left out.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

__all__ = ["cuda_version", "describe", "read"]

_library: Any = None
_looked = False


def describe() -> list[dict[str, Any]]:
    """Name, memory (bytes) and uuid of each GPU."""
    nvml = _nvml()
    return [
        {
            "name": _text(_ask(nvml.nvmlDeviceGetName, gpu, "")),
            "memory_total": int(getattr(_ask(nvml.nvmlDeviceGetMemoryInfo, gpu), "total", 0)),
            "uuid": _text(_ask(nvml.nvmlDeviceGetUUID, gpu, "")),
        }
        for gpu in _handles()
    ]


def cuda_version() -> str:
    """The CUDA version of the driver, such as ``12.4``; empty when unknown."""
    nvml = _nvml()
    if nvml is None:
        return ""
    try:
        number = int(nvml.nvmlSystemGetCudaDriverVersion())
    except (nvml.NVMLError, AttributeError):
        return ""
    return f"{number // 1000}.{number % 1000 // 10}"


def read(pid: int) -> dict[str, float]:
    """The readings of each GPU under W&B's names: ``gpu.0.gpu`` is its load in percent.

    ``gpu.process.0.…`` are the same for GPUs on which the process ``pid`` runs.
    """
    nvml = _nvml()
    values: dict[str, float] = {}
    for index, gpu in enumerate(_handles()):
        readings = _readings(nvml, gpu)
        values.update({f"gpu.{index}.{name}": value for name, value in readings.items()})
        processes = _ask(nvml.nvmlDeviceGetComputeRunningProcesses, gpu, ())
        if any(process.pid == pid for process in processes):
            values.update({f"gpu.process.{index}.{name}": v for name, v in readings.items()})
    return values


def _readings(nvml: Any, gpu: Any) -> dict[str, float]:
    values: dict[str, float] = {}
    load = _ask(nvml.nvmlDeviceGetUtilizationRates, gpu)
    if load is not None:
        values["gpu"] = float(load.gpu)
        values["memory"] = float(load.memory)
    memory = _ask(nvml.nvmlDeviceGetMemoryInfo, gpu)
    if memory is not None:
        values["memoryAllocated"] = memory.used / memory.total * 100
        values["memoryAllocatedBytes"] = float(memory.used)
    heat = _ask(lambda it: nvml.nvmlDeviceGetTemperature(it, nvml.NVML_TEMPERATURE_GPU), gpu)
    if heat is not None:
        values["temp"] = float(heat)
    power = _ask(nvml.nvmlDeviceGetPowerUsage, gpu)
    if power is not None:
        values["powerWatts"] = power / 1000
        limit = _ask(nvml.nvmlDeviceGetEnforcedPowerLimit, gpu)
        if limit:
            values["enforcedPowerLimitWatts"] = limit / 1000
            values["powerPercent"] = power / limit * 100
    return values


def _handles() -> list[Any]:
    nvml = _nvml()
    if nvml is None:
        return []
    try:
        return [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return []  # the driver went away, or this container may not see the GPUs


def _nvml() -> Any:
    """The library, initialised; None where there is no driver. Looked for once."""
    global _library, _looked
    if not _looked:
        _looked = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a package of the old name warns when imported
                pynvml = importlib.import_module("pynvml")
            pynvml.nvmlInit()
            _library = pynvml
        except Exception:  # noqa: BLE001  no package, no driver, or a broken one: then no GPUs
            _library = None
    return _library


def _ask(question: Callable[[Any], Any], gpu: Any, otherwise: Any = None) -> Any:
    """One reading; what this GPU or driver does not have is ``otherwise``."""
    try:
        return question(gpu)
    except Exception as error:
        if _library is not None and isinstance(error, (_library.NVMLError, AttributeError)):
            return otherwise
        raise


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
