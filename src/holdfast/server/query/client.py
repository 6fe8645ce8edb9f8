"""What wandb's client says of itself in a run's config. Must not know HTTP or SQL."""

from __future__ import annotations

from typing import Any

from holdfast.ids import RunPath
from holdfast.records.replay import Replay
from holdfast.server.metastore import runs
from holdfast.server.query.sources import Stores

__all__ = ["client_of"]


def client_of(stores: Stores, run: RunPath) -> dict[str, Any]:
    """The ``_wandb`` entry of the config, what a later journal says over an earlier one."""
    with stores.meta.read() as tx:
        replays = runs.replays_in_order(tx, run)
    client: dict[str, Any] = {}
    for replay in replays:
        client.update(Replay.from_json(replay).client)
    return client
