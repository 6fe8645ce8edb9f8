"""How a statement finds a project, or a run, by name: one condition for all that look one up.

Must not know what is asked of it. The parameters are ``entity``, ``project`` and ``run_id``, as
`RunPath._asdict` has them.
"""

from __future__ import annotations

from sqlalchemy import and_, bindparam

from holdfast.server.metastore.schema import projects, runs

__all__ = ["IS_PROJECT", "IS_RUN"]

IS_PROJECT = and_(projects.c.entity == bindparam("entity"), projects.c.name == bindparam("project"))
"""For statements over ``projects``."""

IS_RUN = and_(IS_PROJECT, runs.c.run_id == bindparam("run_id"))
"""For statements over ``projects`` joined with ``runs``."""
