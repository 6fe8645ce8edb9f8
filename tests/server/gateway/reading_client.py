"""Run by a real wandb's Python: reads all runs of the projects named and prints what it read.

reading_client.py PROJECT...    # WANDB_BASE_URL and WANDB_API_KEY say of which server
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from typing import Any

import wandb

WHOLE = 2**31 - 1  # as one page: a run whose steps reach far would else be asked for a million


def main() -> None:
    api = wandb.Api()
    told = {
        "viewer": api.viewer.username,
        "entity": api.default_entity,
        "projects": sorted(project.name for project in api.projects()),
        "runs": {name: [read(run) for run in api.runs(name)] for name in sys.argv[1:]},
    }
    json.dump(told, sys.stdout)


def read(run: Any) -> dict[str, Any]:
    run.load_full_data()
    keys = [key for key in run.history_keys["keys"] if key != "_step"]
    return {
        "id": run.id,
        "name": run.name,
        "state": run.state,
        "tags": run.tags,
        "group": run.group,
        "notes": run.notes,
        "user": run.user.username,
        "created_at": run.created_at,
        "read_only": run.read_only,
        "config": run.config,
        "summary": dict(run.summary_metrics),
        "last_step": run.lastHistoryStep,
        "scan": list(run.scan_history(page_size=WHOLE)),
        "history": run.history(samples=10_000, pandas=False),
        "pages": pages(run, keys[:5]),
        "columns": {
            key: run.history(keys=[key], samples=10_000, pandas=False) for key in keys[:40]
        },
        "system": run.history(stream="system", samples=10_000, pandas=False),
        "system_metrics": run.system_metrics,
        "console": [[line.level, line.content] for line in run.console_logs(per_page=7)],
        "console_end": [line.content for line in run.console_logs(last=2)],
        "files": {file.name: [file.size, digest(file)] for file in run.files(per_page=3)},
        "logged": [artifact.name for artifact in run.logged_artifacts()],
    }


def pages(run: Any, keys: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Scans by small pages, of all keys (under "") and of single ones."""
    if run.lastHistoryStep > 10_000:
        return {}
    scans = {key: list(run.scan_history(keys=[key], page_size=7)) for key in keys}
    return {"": list(run.scan_history(page_size=7)), **scans}


def digest(file: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        name = file.download(root=folder).name
        with open(name, "rb") as stored:
            return hashlib.sha256(stored.read()).hexdigest()


if __name__ == "__main__":
    main()
