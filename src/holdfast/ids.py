"""Names and their grammar: run ids, projects, entities, labels, and the path of a run.

Owns what a legal name is. Knows nothing of folders, URLs or records. The grammar is W&B's, so
that every name a wandb client accepts is accepted here.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from holdfast.errors import UsageError

__all__ = [
    "RunPath",
    "check_entity",
    "check_label",
    "check_project",
    "check_run_id",
    "new_run_id",
]

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_FORBIDDEN = frozenset('/\\#?%:"<>|*')
_RUN_ID_LENGTH = 8
_MAX_LENGTH = 128


class RunPath(NamedTuple):
    """The full name of a run. ``str()`` gives ``entity/project/run_id``.

    >>> str(RunPath.parse("team/digits/4k2j9x0a"))
    'team/digits/4k2j9x0a'
    """

    entity: str
    project: str
    run_id: str

    def __str__(self) -> str:
        return "/".join(self)

    @classmethod
    def parse(cls, text: str, *, entity: str = "") -> RunPath:
        """Read ``entity/project/id`` or, with a default entity, ``project/id``.

        W&B's URL form ``entity/project/runs/id`` is taken too.

        Raises:
            UsageError: the text has another number of parts, or a part is no legal name.
        """
        parts = [part for part in text.strip("/").split("/") if part]
        if len(parts) == 4 and parts[2] == "runs":
            del parts[2]
        if len(parts) == 2 and entity:
            parts.insert(0, entity)
        if len(parts) != 3:
            raise UsageError(f"{text!r} is not the path of a run", "write entity/project/run_id")
        return cls(check_entity(parts[0]), check_project(parts[1]), check_run_id(parts[2]))


def new_run_id() -> str:
    """A fresh run id: eight characters of ``0-9a-z``, as W&B's are."""
    # `secrets` would say it in a word and cost 8 ms of `import holdfast`.
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(_RUN_ID_LENGTH))


def check_run_id(text: str) -> str:
    """Return ``text`` if it is a legal run id.

    Raises:
        UsageError: it is empty, too long, or has a character that paths or URLs reserve.
    """
    return _check("run id", text)


def check_project(text: str) -> str:
    """Return ``text`` if it is a legal project name; raises as `check_run_id`."""
    return _check("project", text)


def check_entity(text: str) -> str:
    """Return ``text`` if it is a legal entity name; raises as `check_run_id`."""
    return _check("entity", text)


def check_label(text: str) -> str:
    """Return ``text`` if it is a legal label of a writer; raises as `check_run_id`."""
    return _check("label", text)


def _check(kind: str, text: str) -> str:
    if not isinstance(text, str) or not text.strip() or text != text.strip():
        raise UsageError(f"{kind} {text!r} is empty or has spaces around it", "give another one")
    if len(text) > _MAX_LENGTH:
        raise UsageError(f"{kind} of {len(text)} characters", f"use at most {_MAX_LENGTH}")
    bad = next((c for c in text if c in _FORBIDDEN or not c.isprintable()), None)
    if bad is not None or text in {".", ".."}:
        raise UsageError(
            f"{kind} {text!r} has a character that is not allowed: {bad or '.'!r}",
            r'leave out / \ # ? % : " < > | * and control characters',
        )
    return text
