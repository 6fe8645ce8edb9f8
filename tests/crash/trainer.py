"""A training script for the kill tests: logs until it is killed, and says what was logged.

    python trainer.py FOLDER RUN_ID STYLE

After each `log` that has returned, one line of JSON goes to standard output: ``[step, row]``.
A line that the parent has read is a promise: the row is on disk.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys

import holdfast


def main(folder: str, run_id: str, style: str) -> None:
    rng = random.Random(run_id)
    run = holdfast.init(
        project="kills", id=run_id, dir=folder, mode="offline", settings={"silent": True}
    )
    for n in itertools.count():
        row = {"loss": rng.random(), "n": n, "nested": {"a": rng.random()}}
        if style == "plain":
            step = n
            run.log(row)
        elif style == "steps":
            step = 3 * n
            run.log(row, step=step)
        else:  # two calls a step, the second adds to the row
            step = n // 2
            row = {f"part{n % 2}": rng.random()}
            run.log(row, step=step)
        os.write(1, json.dumps([step, row]).encode() + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
