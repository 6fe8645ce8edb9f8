"""Log and wait to be killed, stopped, or told to go on."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import wandb

from conformance.scripts.telling import Telling, options, tell


def main() -> None:
    """Log ``rows`` rows of ``pad`` bytes, tell them, then log nothing for ``wait_s`` seconds."""
    asked = options()
    # A shell's background job hands down an ignored interrupt, and a stop comes as one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = wandb.init(project=asked["project"], **asked.get("how", {}))
    told = Telling(run)
    for step in range(asked["rows"]):
        told.log({"loss": 1 / (step + 1), "pad": f"{step} " + "x" * asked.get("pad", 0)})
    tell({**told.truth, "folder": str(Path(run.dir).parent)})
    try:
        for _ in range(asked["wait_s"] * 10):  # an interrupt does not end a long sleep everywhere
            time.sleep(0.1)
    except KeyboardInterrupt:
        print("interrupted")
        raise


if __name__ == "__main__":
    main()
