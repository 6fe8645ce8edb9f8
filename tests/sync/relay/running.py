"""A relay in this process, before any transport."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync.making import Listener as Heard

from holdfast.sync.relay.http import Listener
from holdfast.sync.relay.service import Relay
from holdfast.sync.relay.spool import Spool
from holdfast.sync.transport import Transport
from holdfast.sync.watch import Terms, Watcher

SERVER = "http://server"


@contextmanager
def relay_before(server: Transport, folder: Path) -> Iterator[str]:
    """Its address; it forwards to ``server`` and takes the key ``key``."""
    spool = Spool(folder / "spool")
    listener = Listener("127.0.0.1", 0)
    relay = Relay(spool, server, server.viewer(), server_url=SERVER, address=listener.url)
    terms = Terms(server, SERVER, Heard(), lambda _: None, wishes=spool.wishes, writer=spool.writer)
    watcher = Watcher([spool], terms)
    forwarding = threading.Thread(target=watcher.run, daemon=True)
    forwarding.start()
    listener.start(relay, "key")
    try:
        yield listener.url
    finally:
        relay.stop()
        listener.close()
        watcher.stop()
        forwarding.join(timeout=30)
        spool.close()
