"""Versions: what wrote a journal, what reads it here, what the server is.

Nothing is refused for its version: newer records travel as they are, and the server keeps them.
Must not know what a version changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from holdfast.sync.doctor.finding import Finding

__all__ = ["Written", "look_at_server"]

_SUBJECT = "versions"
#: the newest wandb whose journals the tests read
_NEWEST = (0, 31)
_NUMBERS = re.compile(r"(\d+)\.(\d+)")


class Written:
    """Who wrote journals: writers counted, and those journals that hold what is not known here."""

    def __init__(self) -> None:
        self._writers: dict[str, int] = {}
        self._unknown: dict[Path, int] = {}

    def take(self, journal: Path, producer: str, records: Mapping[str, int]) -> None:
        """Take one journal.

        Args:
            journal: the file.
            producer: as its header says; empty when it does not.
            records: how many of each kind.
        """
        writer = producer.partition("+")[0] or "wandb before 0.18, which does not say"
        if writer[:1].isdigit():
            writer = f"wandb {writer}"
        self._writers[writer] = self._writers.get(writer, 0) + 1
        if unknown := records.get("unknown", 0):
            self._unknown[journal] = unknown

    def findings(self) -> list[Finding]:
        """What there is to say of them all."""
        found = []
        if self._writers:
            each = ", ".join(f"{name} ({count})" for name, count in sorted(self._writers.items()))
            found.append(Finding(_SUBJECT, "ok", "the writers of the journals are known", each))
        newer = sorted(name for name in self._writers if _is_newer(name))
        if newer:
            what = "a writer is newer than any that this Holdfast was tested with"
            cure = "sync as usual: records travel as they are, and the server keeps them"
            evidence = f"{', '.join(newer)}; tested: 0.12 to {_NEWEST[0]}.{_NEWEST[1]}"
            found.append(Finding(_SUBJECT, "note", what, evidence, cure))
        for journal, count in self._unknown.items():
            what = f"{count:,} records are of kinds that this Holdfast does not know"
            cure = "they are sent as they are; install a newer Holdfast at the server to see them"
            found.append(Finding(_SUBJECT, "note", what, str(journal), cure, journal.parent))
        return found


def look_at_server(version: str) -> Finding:
    """Whether the server's Holdfast is this one."""
    try:
        ours = metadata.version("holdfast")
    except metadata.PackageNotFoundError:
        ours = "not installed"
    evidence = f"here {ours}, the server {version}"
    if ours == version:
        return Finding(_SUBJECT, "ok", "the server has the same Holdfast", evidence)
    what = "the server has another Holdfast; both speak the same interface"
    return Finding(_SUBJECT, "note", what, evidence)


def _is_newer(writer: str) -> bool:
    numbers = _NUMBERS.search(writer) if writer.startswith("wandb ") else None
    return numbers is not None and (int(numbers[1]), int(numbers[2])) > _NEWEST
