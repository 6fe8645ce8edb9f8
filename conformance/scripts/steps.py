"""Many rows as fast as the client takes them; or rows out of order; or of a resumed run."""

from __future__ import annotations

import time

import wandb

from conformance.scripts.telling import Telling, options


def main() -> None:
    """Log ``rows`` rows from step ``first``; pause ``pause_s`` after each.

    Options: ``how`` to begin (keywords of `wandb.init`), ``first``, ``rows``, ``pause_s``, ``pad``
    (bytes of text in each row), ``add`` (to the values, so that stretches differ).
    """
    asked = options()
    run = wandb.init(project=asked["project"], **asked.get("how", {}))
    first = asked.get("first", 0)
    told = Telling(run, first)
    pad = "x" * asked.get("pad", 0)
    for step in range(first, first + asked["rows"]):
        told.log(
            {"loss": 1 / (step + 1), "step_again": step + asked.get("add", 0), "third": step / 3}
            | ({"pad": pad} if pad else {})
        )
        if asked.get("pause_s"):
            time.sleep(asked["pause_s"])
    told.finish()


if __name__ == "__main__":
    main()
