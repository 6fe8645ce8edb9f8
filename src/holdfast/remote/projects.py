"""Projects as the server lists them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast.records.times import iso
from holdfast.remote.runs import Runs

__all__ = ["Project"]


class Project:
    """One project.

    Attributes:
        entity, name: together its path.
        created_at: when its first run arrived (ISO 8601, UTC).
        run_count: how many runs it has.
    """

    def __init__(self, said: dict[str, Any], runs: Callable[[str], Runs]) -> None:
        self.entity: str = said["entity"]
        self.name: str = said["project"]
        self.created_at: str = iso(said["created_at"]) or ""
        self.run_count: int = said["runs"]
        self._runs = runs

    @property
    def path(self) -> list[str]:
        """Entity and name."""
        return [self.entity, self.name]

    def runs(self) -> Runs:
        """Its runs, oldest first."""
        return self._runs("/".join(self.path))

    def __repr__(self) -> str:
        return f"<Project {'/'.join(self.path)}>"
