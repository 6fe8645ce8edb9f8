"""A run that ends with an exception."""

from __future__ import annotations

import wandb

from conformance.scripts.telling import Telling, options, tell


def main() -> None:
    """Log three rows and raise: wandb's own hooks see the end."""
    run = wandb.init(project=options()["project"])
    told = Telling(run)
    for value in range(3):
        told.log({"value": value})
    tell({**told.truth, "state": "failed", "exit_code": 1})
    raise RuntimeError("on purpose")


if __name__ == "__main__":
    main()
