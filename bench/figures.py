"""The figures: what they are called, which way is better, what is to be reached.

Knows nothing of how they are taken. Ratios are taken within a round, where the tools stood side by
side on the same machine at nearly the same time; that is what makes them worth more than times.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["FIGURES", "Figure", "Ratio", "Samples"]


@dataclass(frozen=True)
class Figure:
    """One line of the table. ``limit`` is the most (the least, where more is better) to reach."""

    key: str
    label: str
    digits: int = 1
    more_is_better: bool = False
    limit: float | None = None
    times_wandb: float | None = None

    def goal(self) -> str:
        """What is to be reached, in words; empty where nothing is."""
        parts = []
        if self.limit is not None:
            parts.append(f"{'>=' if self.more_is_better else '<='} {self.limit:,g}")
        if self.times_wandb is not None:
            parts.append(f">= {self.times_wandb:g}x wandb")
        return ", ".join(parts)

    def met(self, value: float, over_wandb: float | None) -> bool | None:
        """Whether the goal is met; None without a goal, or where wandb was not measured."""
        found: list[bool] = []
        if self.limit is not None:
            found.append(value >= self.limit if self.more_is_better else value <= self.limit)
        if self.times_wandb is not None:
            if over_wandb is None:
                return None
            found.append(over_wandb >= self.times_wandb)
        return all(found) if found else None


@dataclass(frozen=True)
class Ratio:
    """How many times better Holdfast is than another tool: median, least and most of the rounds."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.least:.3g}-{self.most:.3g})"


class Samples:
    """Values by tool and figure, one a round."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, tool: str, found: dict[str, float]) -> None:
        """Add what one round found for one tool."""
        for key, value in found.items():
            self.values[tool][key].append(value)

    def median(self, tool: str, key: str) -> float | None:
        """The median over the rounds; None when the tool has no such figure."""
        values = self._of(tool, key)
        return statistics.median(values) if values else None

    def ratio(self, figure: Figure, tool: str) -> Ratio | None:
        """Holdfast against ``tool``, round by round; above 1 Holdfast is better."""
        pairs = list(
            zip(self._of("holdfast", figure.key), self._of(tool, figure.key), strict=False)
        )
        ratios = [a / b if figure.more_is_better else b / a for a, b in pairs if a > 0 and b > 0]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None

    def _of(self, tool: str, key: str) -> Sequence[float]:
        return self.values[tool][key] if key in self.values.get(tool, {}) else ()


FIGURES = (
    Figure("import_ms", "import, ms", limit=50),
    Figure("init_ms", "init, ms", limit=20),
    Figure("log_p50_us", "log, 5 scalars, p50, us", limit=8, times_wandb=15),
    Figure("log_p99_us", "log, 5 scalars, p99, us"),
    Figure("paced_p50_us", "log after a pause of 3 ms, p50, us"),
    Figure("row_bytes", "bytes a row", 0, limit=180),
    Figure("finish_ms", "finish, ms"),
    Figure("big_rows_s", "sync of the big run, rows/s", 0, more_is_better=True, limit=100_000),
    Figure("big_sender_cpu_s", "  CPU of the sender, s", 2),
    Figure("big_receiver_cpu_s", "  CPU of the receiver, s", 2),
    Figure("small_runs_s", "sync of the small runs, runs/s", more_is_better=True, limit=60),
    Figure("small_sender_cpu_s", "  CPU of the sender, s", 2),
    Figure("small_receiver_cpu_s", "  CPU of the receiver, s", 2),
    Figure("big_gateway_rows_s", "big run into one Holdfast, rows/s", 0, more_is_better=True),
    Figure("big_gateway_sender_cpu_s", "  CPU of the sender, s", 2),
    Figure("big_gateway_receiver_cpu_s", "  CPU of the server, s", 2),
    Figure("small_gateway_runs_s", "small runs into one Holdfast, runs/s", more_is_better=True),
    Figure("small_gateway_sender_cpu_s", "  CPU of the sender, s", 2),
    Figure("small_gateway_receiver_cpu_s", "  CPU of the server, s", 2),
    Figure("stream_rows_s", "20 live clients, rows/s", 0, more_is_better=True, limit=50_000),
    Figure("stream_json_rows_s", "  json.loads of the same lines alone, rows/s", 0),
    Figure("stream_server_cpu_s", "  CPU of the server, s", 2),
    Figure("stream_server_mb", "  most memory of the server, MB", 0, limit=500),
    Figure("watch_p50_s", "2,000 growing runs watched: until seen, p50, s"),
    Figure("watch_p99_s", "  until seen, p99, s", limit=5),
    Figure("watch_mb", "  most memory of the watcher, MB", 0, limit=200),
    Figure("watch_files", "  most open files of the watcher", 0),
    Figure("watch_idle_cores", "  cores while nothing grows", 2, limit=0.5),
    Figure("watch_busy_cores", "  cores while they grow", 2),
    Figure("watch_server_cores", "  cores of the server", 2),
)
