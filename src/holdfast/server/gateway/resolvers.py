"""All resolvers of the schema, from the modules that own them."""

from __future__ import annotations

from holdfast.server.gateway import (
    changes,
    consoles,
    histories,
    projects,
    rewinds,
    run_files,
    runs,
    upserts,
    viewer,
)
from holdfast.server.gateway.context import Fields, Resolver

__all__ = ["FIELDS"]

_MODULES = (viewer, projects, runs, histories, consoles, run_files, upserts, rewinds, changes)


def _merged() -> Fields:
    merged: dict[str, dict[str, Resolver]] = {}
    for module in _MODULES:
        for kind, fields in module.FIELDS.items():
            known = merged.setdefault(kind, {})
            assert not known.keys() & fields.keys(), (module.__name__, kind)
            known.update(fields)
    return merged


FIELDS: Fields = _merged()
