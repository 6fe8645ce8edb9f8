"""The page `docs/wandb-clients.md`: the sheets as tables, with what a reader must know of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import holdfast
from conformance.clients import PYTHON
from conformance.runner import Job
from conformance.sheets import SHEETS, Sheet
from conformance.verdicts import Verdict

__all__ = ["page"]

_HEAD = """# wandb's clients and Holdfast

Made by `make conformance` on {day} with Holdfast {version}; do not edit.

Each column is a real client from PyPI, unmodified, on Python {python}, in an environment of its
own. Each row is a scenario that was played with it against a live `holdfast serve`. A cell says
**pass** only if what the server holds then, read back through `holdfast.Api`, equals what the
script logged, value by value: rows, summary, config, console, digests of files, state, exit code,
tags. **n/a** means that this client does not have the thing. Every request that a client makes to
another machine than the server is seen, and makes its cell a failure.

[Using wandb's own client](guide/wandbs-own-client.md) says how to point one at a server. Not
served yet, and so in no row: artifacts and registry, sweeps, launch, automations, reports.
"""


def page(verdicts: Mapping[Job, Verdict]) -> str:
    """The page for what was played."""
    day = time.strftime("%Y-%m-%d", time.gmtime())
    parts = [_HEAD.format(day=day, version=holdfast.__version__, python=PYTHON)]
    parts.extend(_sheet(sheet, verdicts) for sheet in SHEETS)
    return "\n".join(part for part in parts if part)


def _sheet(sheet: Sheet, verdicts: Mapping[Job, Verdict]) -> str:
    clients = [c for c in sheet.clients if any(job.client == c for job in verdicts)]
    played = [s for s in sheet.scenarios if any(job.scenario == s for job in verdicts)]
    if not clients or not played:
        return ""
    lines = [f"## {sheet.title}", ""]
    lines.append(f"| scenario | {' | '.join(map(str, clients))} |")
    lines.append(f"|---|{'---|' * len(clients)}")
    for scenario in played:
        cells = (verdicts.get(Job(scenario, client)) for client in clients)
        said = (_cell(verdict) for verdict in cells)
        lines.append(f"| {scenario.title} | {' | '.join(said)} |")
    notes = sorted(set(_notes(sheet, verdicts)))
    return "\n".join(
        [*lines, "", *(f"- n/a: {note}." for note in notes), ""] if notes else [*lines, ""]
    )


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    return "**FAIL**" if verdict.outcome == "fail" else verdict.outcome


def _notes(sheet: Sheet, verdicts: Mapping[Job, Verdict]) -> Iterator[str]:
    for job, verdict in verdicts.items():
        if verdict.outcome == "n/a" and job.scenario in sheet.scenarios:
            yield f"{job.scenario.title}: {verdict.reason}"
