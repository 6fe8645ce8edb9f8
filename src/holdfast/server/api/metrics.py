"""What the server counts, in Prometheus' words.

Owns the names of the metrics and the one use of prometheus_client. Must not know routes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from holdfast.server.query import Totals

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one server.

    Args:
        totals: what the server holds, asked for at each scrape.
        data: the data folder, whose disk is watched.
    """

    def __init__(self, totals: Callable[[], Totals], data: Path) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Held(totals, data))
        self._requests = Counter(
            "holdfast_requests",
            "Requests by method, route and status",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "holdfast_request_seconds",
            "Time from a request's headers to the end of its answer",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._bytes = Counter(
            "holdfast_ingest_bytes",
            "Plain bytes taken, by kind (chunk, part, pack)",
            ["kind"],
            registry=self._registry,
        )

    def saw(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def took(self, kind: str, size: int) -> None:
        """Count bytes that were stored."""
        self._bytes.labels(kind).inc(size)

    def text(self) -> bytes:
        """All of it, as a scraper reads it."""
        return generate_latest(self._registry)


class _Held:
    """Gauges that are read when somebody looks."""

    def __init__(self, totals: Callable[[], Totals], data: Path) -> None:
        self._totals = totals
        self._data = data

    def describe(self) -> list[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        totals = self._totals()
        disk = shutil.disk_usage(self._data)
        for name, text, value in (
            ("holdfast_runs", "Runs held", totals.runs),
            ("holdfast_rows", "Rows of history held", totals.rows),
            ("holdfast_journals", "Journals held", totals.journals),
            ("holdfast_position_bytes", "Sum of the positions of all journals", totals.position),
            ("holdfast_disk_free_bytes", "Free space on the data folder's disk", disk.free),
            ("holdfast_disk_bytes", "Size of the data folder's disk", disk.total),
        ):
            yield GaugeMetricFamily(name, text, value=value)
