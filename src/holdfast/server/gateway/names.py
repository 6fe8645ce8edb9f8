"""Names and ids as wandb clients send them: whose entity, which project, which run.

Owns what an empty entity means, who may write where, and the opaque ids. Must not know what is
done with what they name.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from holdfast.errors import RefusedError, UsageError
from holdfast.ids import RunPath, check_entity, check_project, check_run_id
from holdfast.server.gateway.context import Context

__all__ = ["entity_of", "make_id", "may_write", "project_of", "read_id", "run_of_id", "run_path"]


def entity_of(context: Context, name: object) -> str:
    """The entity that a client names; the user's own when it names none.

    Raises:
        UsageError: it is no legal name.
    """
    return check_entity(str(name)) if name else context.user.name


def may_write(context: Context, entity: str) -> str:
    """``entity``, if the one who asks may write there.

    Raises:
        RefusedError: 403 ``forbidden``.
    """
    if entity != context.user.name:
        raise RefusedError(
            f"user {context.user.name!r} may not write into {entity!r}",
            f"write into your own entity: {context.user.name}",
            status=403,
            code="forbidden",
        )
    return entity


def project_of(context: Context, arguments: Mapping[str, Any]) -> tuple[str, str]:
    """The entity and the project of the arguments ``entityName`` and ``name``.

    Raises:
        UsageError: one of them is no legal name, or there is no project.
    """
    return entity_of(context, arguments.get("entityName")), check_project(
        arguments.get("name") or ""
    )


def run_path(context: Context, entity: object, project: str, run_id: str) -> RunPath:
    """The path of a run as a client names it.

    Raises:
        UsageError: a part of it is no legal name.
    """
    return RunPath(entity_of(context, entity), check_project(project), check_run_id(run_id))


def make_id(kind: str, *parts: str) -> str:
    """An opaque id.

    >>> make_id("Run", "ada", "digits", "4k2j9x0a")
    'UnVuOmFkYTpkaWdpdHM6NGsyajl4MGE='
    """
    # Names may not have a colon; what may (a file's path) comes last.
    return base64.b64encode(":".join((kind, *parts)).encode("utf-8", "surrogatepass")).decode()


def read_id(kind: str, text: str, parts: int) -> tuple[str, ...]:
    """The parts that `make_id` was given.

    Raises:
        UsageError: it is no id of this kind.
    """
    try:
        plain = base64.b64decode(text, validate=True).decode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError) as error:
        raise _no_id(kind, text) from error
    found, *rest = plain.split(":", parts)
    if found != kind or len(rest) != parts:
        raise _no_id(kind, text)
    return tuple(rest)


def run_of_id(text: str) -> RunPath:
    """The run whose id this is.

    Raises:
        UsageError: it is no id of a run.
    """
    entity, project, run_id = read_id("Run", text, 3)
    return RunPath(check_entity(entity), check_project(project), check_run_id(run_id))


def _no_id(kind: str, text: str) -> UsageError:
    return UsageError(
        f"{text[:100]!r} is not the id of a {kind.lower()}", "take it from an answer of this server"
    )
