"""Who asks, who else there is, and what this server can do.

Owns users and entities as wandb clients see them. Must not know runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.server.gateway.context import Context, Fields
from holdfast.server.gateway.names import entity_of, make_id
from holdfast.server.settings import server_version

__all__ = ["FIELDS", "entity_source", "user_source"]

_Arguments = Mapping[str, Any]

_FEATURES = ("STRUCTURED_CONSOLE_LOGS",)
"""W&B's server features that change what clients send: console lines as objects, by which a label
stands apart from the text."""

_NEWEST_CLIENT = "9999.0.0"
"""Clients look here whether a server is too old for what they send, and warn if it is."""


def user_source(name: str) -> dict[str, Any]:
    """A user as an object of the schema. Holdfast knows no more of one than the name."""
    return {
        "id": make_id("User", name),
        "name": name,
        "username": name,
        "email": "",
        "entity": name,
        "flags": "{}",
        "admin": False,
        "deletedAt": None,
        "apiKeys": {"edges": []},
        "teams": {"edges": []},
        "organizations": [],
    }


def entity_source(name: str) -> dict[str, Any]:
    """An entity as an object of the schema: each user is one, and there are no others."""
    return {
        "id": make_id("Entity", name),
        "name": name,
        "isTeam": False,
        "organization": None,
        "user": user_source(name),
    }


def _viewer(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del source, arguments
    return user_source(context.user.name)


def _users(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    """The user of exactly this name: who may not see the list of users may know one."""
    del source
    name = str(arguments.get("query") or "")
    found = context.users.recent(name) or context.users.find(name)
    names = [] if found is None else [found.name]
    return {
        "edges": [{"node": user_source(name), "cursor": name} for name in names],
        "pageInfo": {"endCursor": None, "hasNextPage": False},
    }


def _entity(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del source
    name = entity_of(context, arguments.get("name"))
    return {**entity_source(name), "readOnly": name != context.user.name}


def _organization(source: Any, context: Context, arguments: _Arguments) -> None:
    """There are none."""
    del source, context, arguments


def _server_info(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    del source, context, arguments
    return {
        "cliVersionInfo": {"max_cli_version": _NEWEST_CLIENT},
        "latestLocalVersionInfo": {
            "outOfDate": False,
            "latestVersionString": server_version(),
            "versionOnThisInstanceString": server_version(),
        },
        "features": [{"name": name, "isEnabled": True} for name in _FEATURES],
    }


FIELDS: Fields = {
    "Query": {
        "viewer": _viewer,
        "users": _users,
        "entity": _entity,
        "organization": _organization,
        "serverInfo": _server_info,
    }
}
