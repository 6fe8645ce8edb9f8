"""System metrics: what the machine and this process do, in numbers, under W&B's names.

Owns the readings. Must not know when they are taken or where they go.
"""

from __future__ import annotations

import os
from typing import Any

from holdfast.client import nvidia

__all__ = ["Sampler"]

_MIB = 1024 * 1024


class Sampler:
    """Takes readings of CPU, memory, disk, network, this process, and NVIDIA GPUs.

    Rates (load, bytes sent) are measured from one reading to the next, totals from the start.
    """

    def __init__(self) -> None:
        import psutil

        self._psutil: Any = psutil
        self._process = psutil.Process()
        self._process.cpu_percent()
        psutil.cpu_percent()
        self._cores = psutil.cpu_count() or 1
        self._network = psutil.net_io_counters()
        self._disk = self._disk_totals()

    def read(self) -> dict[str, float]:
        """One reading; a part that this system does not give is left out."""
        values: dict[str, float] = {}
        for part in (self._machine, self._own, self._traffic):
            try:
                values.update(part())
            except (self._psutil.Error, OSError):
                continue  # containers hide some of /proc: the other parts are worth having
        values.update(nvidia.read(os.getpid()))
        return values

    def _machine(self) -> dict[str, float]:
        memory = self._psutil.virtual_memory()
        disk = self._psutil.disk_usage(os.path.abspath(os.sep))
        return {
            "cpu.all.cpu_percent": float(self._psutil.cpu_percent()),
            "memory_percent": float(memory.percent),
            "proc.memory.availableMB": memory.available / _MIB,
            "disk.\\.usagePercent" if os.name == "nt" else "disk./.usagePercent": disk.percent,
            "disk.\\.usageGB" if os.name == "nt" else "disk./.usageGB": disk.used / 1024**3,
        }

    def _own(self) -> dict[str, float]:
        memory = self._process.memory_info().rss
        total = self._psutil.virtual_memory().total
        return {
            "cpu": self._process.cpu_percent() / self._cores,
            "proc.cpu.threads": float(self._process.num_threads()),
            "proc.memory.rssMB": memory / _MIB,
            "proc.memory.percent": memory / total * 100,
        }

    def _traffic(self) -> dict[str, float]:
        values: dict[str, float] = {}
        now = self._psutil.net_io_counters()
        if now is not None and self._network is not None:
            values["network.sent"] = float(now.bytes_sent - self._network.bytes_sent)
            values["network.recv"] = float(now.bytes_recv - self._network.bytes_recv)
        read, written = self._disk_totals()
        values["disk.in"] = (read - self._disk[0]) / _MIB
        values["disk.out"] = (written - self._disk[1]) / _MIB
        return values

    def _disk_totals(self) -> tuple[float, float]:
        try:
            totals = self._psutil.disk_io_counters()
        except (RuntimeError, OSError, NotImplementedError):
            totals = None  # a container without /proc/diskstats
        return (totals.read_bytes, totals.write_bytes) if totals is not None else (0.0, 0.0)
