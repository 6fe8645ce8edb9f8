"""The first word with a server: shared by commands that speak to one.

Owns how long a server is waited for. Must not know what is sent.
"""

from __future__ import annotations

from holdfast.sync.context import Context, Wishes
from holdfast.sync.http_transport import HttpTransport
from holdfast.sync.report import Reporter
from holdfast.sync.retry import Patience, RetryingTransport
from holdfast.wire.http import Connection

__all__ = ["meet"]

_FIRST_CONTACT_SECONDS = 5.0
_AWAY_SECONDS = 120.0


def meet(
    connection: Connection, wishes: Wishes, report: Reporter, *, timeout: int | None
) -> Context:
    """Ask the server who this is; a server that is starting up is given a few seconds.

    Args:
        connection: to the server.
        wishes: what the caller wants.
        report: hears of waits.
        timeout: seconds to wait for a server that is away; None for the usual.
    """
    plain = HttpTransport(connection)
    first = Patience(timeout or _FIRST_CONTACT_SECONDS)
    viewer = RetryingTransport(plain, first, say=report.say).viewer()
    patient = RetryingTransport(plain, Patience(timeout or _AWAY_SECONDS), say=report.say)
    return Context(patient, connection.base_url, viewer, report, wishes)
