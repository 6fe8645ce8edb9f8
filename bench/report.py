"""The table on standard output and the JSON file beside it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path

from bench.environments import Environment
from bench.figures import FIGURES, Figure, Samples

__all__ = ["save", "table"]

_SAID = {True: "met", False: "MISSED", None: ""}


def table(tools: Sequence[Environment], samples: Samples) -> str:
    """The figures, one a line: medians of each tool, ratios, goals."""
    others = [tool.tool for tool in tools if tool.tool != "holdfast"]
    head = ["median of the rounds", *(f"{tool.tool} {tool.version}" for tool in tools)]
    head += [*(f"x {name} (min-max)" for name in others), "to reach", ""]
    lines = [head]
    shown = [figure for figure in FIGURES if _is_measured(figure, tools, samples)]
    lines += [_line(figure, tools, others, samples) for figure in shown]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(_laid_out(line, widths) for line in lines)


def _is_measured(figure: Figure, tools: Sequence[Environment], samples: Samples) -> bool:
    return any(samples.median(tool.tool, figure.key) is not None for tool in tools)


def _line(
    figure: Figure, tools: Sequence[Environment], others: Sequence[str], samples: Samples
) -> list[str]:
    medians = [samples.median(tool.tool, figure.key) for tool in tools]
    ratios = [samples.ratio(figure, name) for name in others]
    return [
        figure.label,
        *("none" if value is None else f"{value:,.{figure.digits}f}" for value in medians),
        *(str(ratio or "") for ratio in ratios),
        figure.goal(),
        _SAID[_met(figure, samples)],
    ]


def _met(figure: Figure, samples: Samples) -> bool | None:
    value = samples.median("holdfast", figure.key)
    over_wandb = samples.ratio(figure, "wandb")
    return None if value is None else figure.met(value, over_wandb.median if over_wandb else None)


def _laid_out(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = [line[0].ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
    return "  ".join(cells).rstrip()


def save(
    folder: Path, tools: Sequence[Environment], samples: Samples, sizes: dict[str, object]
) -> Path:
    """Write all that was measured, every round of it, into ``folder`` and return the file."""
    now = datetime.now(timezone.utc)
    result = {
        "at": now.isoformat(timespec="seconds"),
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        },
        "versions": {tool.tool: tool.version for tool in tools},
        "sizes": sizes,
        "figures": [_figure(figure, tools, samples) for figure in FIGURES],
        "rounds": samples.values,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return path


def _figure(figure: Figure, tools: Sequence[Environment], samples: Samples) -> dict[str, object]:
    names = [tool.tool for tool in tools]
    ratios = {name: samples.ratio(figure, name) for name in names if name != "holdfast"}
    return {
        "key": figure.key,
        "label": figure.label.strip(),
        "medians": {name: samples.median(name, figure.key) for name in names},
        "ratios": {name: ratio and asdict(ratio) for name, ratio in ratios.items()},
        "to_reach": figure.goal(),
        "met": _met(figure, samples),
    }
