"""Projects, and the lists of runs in them.

Owns projects as wandb clients see them. Must not know what a run says or how a filter is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.errors import NotFoundError
from holdfast.ids import check_project
from holdfast.records.times import iso
from holdfast.server.gateway.context import Context, Fields
from holdfast.server.gateway.names import entity_of, make_id, may_write, project_of
from holdfast.server.gateway.paging import connection, nothing
from holdfast.server.gateway.viewer import entity_source, user_source

__all__ = ["FIELDS", "number_of", "project_of_name", "project_source"]

_Arguments = Mapping[str, Any]
_PAGE = 50


def project_of_name(context: Context, entity: str, name: str) -> dict[str, Any]:
    """A project as an object of the schema; NotFoundError when there is none."""
    return project_source(entity, name, context, context.queries.project_made(entity, name))


def project_source(
    entity: str, name: str, context: Context, made: tuple[int, float] | None = None
) -> dict[str, Any]:
    """A project that is there as an object of the schema.

    Args:
        entity: whose it is.
        name: the project's.
        context: of the request.
        made: its number on this server and when it was made; looked up if it is asked for.
    """
    return {
        "made": made,
        "id": make_id("Project", entity, name),
        "name": name,
        "entity": entity_source(entity),
        "entityName": entity,
        "description": "",
        "access": "PRIVATE",
        "views": "{}",
        "repo": None,
        "dockerImage": None,
        "isBenchmark": False,
        "readOnly": entity != context.user.name,
        "user": user_source(entity),
        "totalSweeps": 0,
    }


def number_of(project: Mapping[str, Any], context: Context) -> int:
    """The number of a project on this server, from its object of the schema."""
    return _made(project, context)[0]


def _made(project: Mapping[str, Any], context: Context) -> tuple[int, float]:
    known: tuple[int, float] | None = project["made"]
    return known or context.queries.project_made(project["entityName"], project["name"])


def _internal_id(source: Any, context: Context, arguments: _Arguments) -> str:
    del arguments
    return str(number_of(source, context))


def _created_at(source: Any, context: Context, arguments: _Arguments) -> str | None:
    del arguments
    return iso(_made(source, context)[1])


def _project(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any] | None:
    del source
    try:
        return project_of_name(context, *project_of(context, arguments))
    except NotFoundError:
        return None  # this is how clients learn that there is none


def _models(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del source
    entity = entity_of(context, arguments.get("entityName"))
    found = context.queries.numbered_projects(entity)
    nodes = [
        project_source(entity, row["project"], context, (number, row["created_at"]))
        for number, row in found.items()
    ]
    return connection(nodes, [node["name"] for node in nodes], arguments, _PAGE)


def _no_list(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    """There are none of these in any project."""
    del source, context, arguments
    return nothing()


def _upsert(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    """Make a project. What a client says of one beside its name is kept nowhere."""
    del source
    given = arguments["input"]
    entity = may_write(context, entity_of(context, given.get("entityName")))
    name = check_project(given.get("name") or "")
    inserted = context.ingest.make_project(entity, name)
    project = project_of_name(context, entity, name)
    return {"project": project, "model": project, "inserted": inserted}


FIELDS: Fields = {
    "Mutation": {"upsertModel": _upsert},
    "Query": {"project": _project, "model": _project, "models": _models},
    "Project": {
        "internalId": _internal_id,
        "createdAt": _created_at,
        "sweeps": _no_list,
        "allViews": _no_list,
    },
}
