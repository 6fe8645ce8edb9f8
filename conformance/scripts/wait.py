"""Log and wait to be killed, stopped, or told to go on."""

from __future__ import annotations

import time
from pathlib import Path

import wandb

from conformance.scripts.telling import Telling, options, tell


def main() -> None:
    """Log ``rows`` rows of ``pad`` bytes, tell them, then log nothing for ``wait_s`` seconds."""
    asked = options()
    run = wandb.init(project=asked["project"], **asked.get("how", {}))
    told = Telling(run)
    for step in range(asked["rows"]):
        told.log({"loss": 1 / (step + 1), "pad": f"{step} " + "x" * asked.get("pad", 0)})
    tell({**told.truth, "folder": str(Path(run.dir).parent)})
    try:
        time.sleep(asked["wait_s"])
    except KeyboardInterrupt:
        print("interrupted")
        raise


if __name__ == "__main__":
    main()
