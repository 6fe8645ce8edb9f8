"""What state a run is in, from what was last heard of it.

Must not know tables or who asks.
"""

from __future__ import annotations

__all__ = ["CLIENT", "CLIENT_SECONDS", "HEARD_SECONDS", "run_state"]

CLIENT = "client"
"""How the writer of a server-written journal is: a wandb client was heard of."""

CLIENT_SECONDS = 300.0
"""How long such a client, which says something every 30 seconds, may be silent."""

HEARD_SECONDS = 120.0
"""How long after the last word of a live writer a run still counts as running."""


def run_state(exit_code: int | None, writer: str, heard_at: float, now: float) -> str:
    """The state of a run: finished, failed, running, crashed or pending.

    Args:
        exit_code: of its latest journal; None while that has no exit record.
        writer: alive, gone or unknown, as last heard; or `CLIENT`.
        heard_at: when that was, Unix seconds.
        now: Unix seconds.

    >>> run_state(None, "alive", heard_at=100.0, now=160.0)
    'running'
    """
    if exit_code is not None:
        return "failed" if exit_code else "finished"
    if writer == CLIENT:
        return "running" if now - heard_at <= CLIENT_SECONDS else "crashed"
    if writer == "gone":
        return "crashed"
    if writer == "alive" and now - heard_at <= HEARD_SECONDS:
        return "running"
    return "pending"
