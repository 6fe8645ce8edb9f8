"""Steps with holes, twice the same step, an older step, and calls without commit."""

from __future__ import annotations

import wandb

from conformance.scripts.telling import Telling, options


def main() -> None:
    """What wandb merges and what it drops, the server must show so."""
    told = Telling(wandb.init(project=options()["project"]))
    told.log({"a": 0}, step=0)
    told.log({"a": 5, "b": 5}, step=5)
    told.log({"c": 5}, step=5)
    told.log({"a": -1}, step=3)  # dropped: 5 is begun
    told.log({"a": 10}, step=10)
    told.log({"b": 10}, commit=False)
    told.log({"c": 10}, commit=True)
    told.log({"a": 11})
    told.log({"a": 1000000}, step=1000000)
    told.log({"b": -1}, step=999999)  # dropped
    told.log({"b": 1000000}, step=1000000)
    told.finish()


if __name__ == "__main__":
    main()
