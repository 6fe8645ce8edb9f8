"""`holdfast.Api`: where reading back begins.

Owns which server and which key, and what a path may look like. Must not know what a run is made
of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import NotFoundError, UsageError
from holdfast.ids import RunPath, check_entity, check_project
from holdfast.remote.filters import TIMES, compile_filter
from holdfast.remote.projects import Project
from holdfast.remote.reader import Reader
from holdfast.remote.runs import Run, Runs
from holdfast.settings import key_for, load
from holdfast.wire import Viewer, paths
from holdfast.wire.http import Connection

__all__ = ["Api"]

_PATIENCE_SECONDS = 30.0


class Api:
    """Reads from one server.

    Args:
        overrides: ``{"base_url": …, "entity": …, "project": …}``, as in W&B.
        timeout: seconds to wait for an answer; by default the setting http_timeout.
        api_key: by default the key that belongs to the address.
        base_url: the server; by default the setting base_url.

    Example:
        >>> api = Api(base_url="http://127.0.0.1:8080")                    # doctest: +SKIP
        >>> [run.name for run in api.runs("team/digits")]                  # doctest: +SKIP
    """

    def __init__(
        self,
        overrides: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
    ) -> None:
        given = dict(overrides or {})
        given = {name: given[name] for name in ("base_url", "entity", "project") if name in given}
        if base_url is not None:
            given["base_url"] = base_url
        if timeout is not None:
            given["http_timeout"] = timeout
        settings = load(given)
        key = key_for(settings.base_url)
        connection = Connection(
            settings.base_url,
            api_key or (key.value if key else ""),
            read_timeout=settings.http_timeout,
        )
        self._reader = Reader(connection, _PATIENCE_SECONDS)
        self._entity = settings.entity
        self._project = settings.project
        self._viewer: Viewer | None = None

    @property
    def viewer(self) -> Viewer:
        """Who asks, as the server knows it."""
        if self._viewer is None:
            self._viewer = self._reader.connection.viewer()
        return self._viewer

    @property
    def default_entity(self) -> str:
        """The entity of paths that name none."""
        return self._entity or self.viewer.entity

    def projects(self, entity: str | None = None, per_page: int = 200) -> list[Project]:
        """The projects, of one entity if it is named; ``per_page`` is taken for compatibility."""
        del per_page
        said = self._reader.json(paths.PROJECTS)["projects"]
        return [
            Project(one, self.runs) for one in said if entity is None or one["entity"] == entity
        ]

    def project(self, name: str, entity: str | None = None) -> Project:
        """One project by name; NotFoundError when there is none."""
        wanted = entity or self.default_entity
        for one in self.projects(wanted):
            if one.name == name:
                return one
        raise NotFoundError(f"there is no project {wanted}/{name}", "projects() lists them")

    def runs(
        self,
        path: str | None = None,
        filters: Mapping[str, Any] | None = None,
        order: str = "+created_at",
        per_page: int = 50,
    ) -> Runs:
        """The runs of a project, page by page as they are asked for.

        Args:
            path: ``entity/project``, or ``project`` of the default entity.
            filters: see `holdfast.remote.filters.compile_filter`.
            order: a column with ``+`` or ``-`` before it: ``created_at``, ``config.lr``,
                ``summary_metrics.loss``.
            per_page: how many are asked for at a time.

        Raises:
            UsageError: a path or filter that is none.
        """
        return Runs(
            self._reader,
            self._place(path or self._project),
            order=_column(order),
            passes=compile_filter(filters),
            per_page=max(1, per_page),
        )

    def run(self, path: str) -> Run:
        """One run: ``entity/project/id``, or ``project/id`` of the default entity.

        Raises:
            NotFoundError: there is no such run.
            UsageError: the path is not a run's.
        """
        short = path.strip("/").count("/") == 1
        run = RunPath.parse(path, entity=self.default_entity if short else "")
        return Run(self._reader, run, {}).load()

    def _place(self, path: str) -> tuple[str, str]:
        parts = path.strip("/").split("/")
        if len(parts) == 1:
            parts.insert(0, self.default_entity)
        if len(parts) != 2:
            raise UsageError(f"{path!r} is not the path of a project", "write entity/project")
        return check_entity(parts[0]), check_project(parts[1])


def _column(order: str) -> str:
    descending = order.startswith("-")
    column = order.lstrip("+-").replace("summary_metrics.", "summary.", 1)
    column = {**TIMES, "displayName": "name", "display_name": "name"}.get(column, column)
    if column.startswith("config."):
        column = column.removesuffix(".value")
    return f"-{column}" if descending else column
