"""Choose the share of the recorded wandb runs that is kept in ``tests/data/wandb-runs``.

    python tools/pick_test_data.py FOLDER

``FOLDER`` holds all recorded runs and their INDEX.json. The share stays under ``BUDGET`` bytes.
First what must be there once: every kind of damage, one large run, one run killed with its helper
and one without. Then every other scenario of every version, then what still fits. The choice
depends on the index alone, so the same input gives the same share.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BUDGET = 5_000_000
TARGET = Path(__file__).resolve().parent.parent / "tests/data/wandb-runs"


def main(source: Path) -> None:
    """Copy the chosen archives and truths from ``source`` and write the index of the share."""
    index = json.loads((source / "INDEX.json").read_text(encoding="utf-8"))
    chosen = sorted(pick(source, index["entries"]), key=_name)
    if TARGET.exists():
        shutil.rmtree(TARGET)
    for entry in chosen:
        for name in (entry["archive"], entry["truth"]):
            (TARGET / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, TARGET / name)
        digest = hashlib.sha256((TARGET / entry["archive"]).read_bytes()).hexdigest()
        if digest != entry["archive_sha256"]:
            raise SystemExit(f"{entry['archive']} is not what INDEX.json says it is")
    share = {"format": index["format"], "entries": chosen}
    text = json.dumps(share, indent=1, ensure_ascii=False) + "\n"
    (TARGET / "INDEX.json").write_text(text, encoding="utf-8")
    size = sum(path.stat().st_size for path in TARGET.rglob("*") if path.is_file())
    print(f"{len(chosen)} of {len(index['entries'])} runs, {size:,} bytes")


def pick(source: Path, entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The entries that fit into the budget, in order of how much each one adds."""
    left = BUDGET - 100_000  # for the share's own index
    for entry in _by_worth(entries):
        size = sum((source / entry[part]).stat().st_size for part in ("archive", "truth"))
        if size <= left:
            left -= size
            yield entry


def _by_worth(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    versions = sorted({entry["version"] for entry in entries}, key=_version_key)
    newest, oldest = versions[-1], versions[0]
    sizes = [entry["archive_size"] for entry in entries if entry["scenario"] == "large"]

    def worth(entry: dict[str, Any]) -> int:
        scenario, version = entry["scenario"], entry["version"]
        if scenario.startswith("damaged/"):
            return 1 if version == newest else 4
        if scenario == "large":
            return 1 if entry["archive_size"] == min(sizes) else 5
        if (scenario, version) in {("crashed", oldest), ("crashed-group", newest)}:
            return 1
        return 3 if scenario in {"crashed", "crashed-group"} else 2

    return sorted(entries, key=lambda entry: (worth(entry), _name(entry)))


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _name(entry: dict[str, Any]) -> str:
    return f"{entry['version']}/{entry['scenario']}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
