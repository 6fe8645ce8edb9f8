"""What wandb's client says of itself in a run's config. Must not know HTTP or SQL."""

from __future__ import annotations

from typing import Any

from holdfast.ids import RunPath
from holdfast.records.replay import Replay
from holdfast.server.metastore import runs
from holdfast.server.query.sources import Stores, must_find_run

__all__ = ["client_of"]


def client_of(stores: Stores, run: RunPath) -> dict[str, Any]:
    """The ``_wandb`` entry of the config, what a later journal says over an earlier one."""
    with stores.meta.read() as tx:
        pk = must_find_run(tx, run)
        order = [facts.pk for facts in runs.facts_of(tx, pk)]
        replays = runs.replays_of(tx, pk)
    client: dict[str, Any] = {}
    for journal in order:
        client.update(Replay.from_json(replays[journal][0]).client)
    return client
