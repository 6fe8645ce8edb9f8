"""`python -m bench [--quick] [--tools NAMES]`: measure, print the table, keep the JSON."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.children import ChildError
from bench.environments import ROOT, environment
from bench.figures import Samples
from bench.logging_rounds import logging_rounds
from bench.report import save, table
from bench.stream_rounds import stream_rounds
from bench.sync_rounds import Shape, sync_rounds
from bench.tools import TOOLS
from bench.watch_rounds import Fleet, watch_rounds

__all__ = ["main"]


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rounds: int
    rows: int
    sync_rounds: int
    big: Shape
    small: Shape
    stream_rows: int
    fleet: Fleet


_LONG, _MANY = Shape("big", 1, 100_000), Shape("small", 200, 100)
_FULL = Sizes(15, 10_000, 3, _LONG, _MANY, 10_000, Fleet(2_000, 60, 20, 10))
_SHORT, _FEW = Shape("big", 1, 1_000), Shape("small", 5, 10)
_QUICK = Sizes(2, 300, 1, _SHORT, _FEW, 100, Fleet(10, 3, 1, 0.5))


def main(words: list[str] | None = None) -> int:
    """Run the bench. Exit code 0 when all was measured, whatever the figures; 1 when not."""
    args = _parser().parse_args(words)
    sizes = _QUICK if args.quick else _FULL
    tools = [environment(tool) for tool in TOOLS if tool in args.tools]
    samples = Samples()
    try:
        with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
            root = Path(folder)
            _say(f"logging: {sizes.rounds} rounds of {sizes.rows:,} rows")
            logging_rounds(samples, tools, root, sizes.rounds, sizes.rows)
            _say(f"sync: {sizes.sync_rounds} rounds of {sizes.big}, and of {sizes.small}")
            sync_rounds(samples, tools, root, sizes.sync_rounds, [sizes.big, sizes.small])
            if "holdfast" in args.tools:
                _say(f"live clients: {sizes.sync_rounds} rounds of {sizes.stream_rows:,} rows each")
                stream_rounds(samples, root, sizes.sync_rounds, sizes.stream_rows)
                _say(f"watch: {sizes.fleet}")
                watch_rounds(samples, root, sizes.fleet)
    except ChildError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    print(table(tools, samples))
    where = save(args.out, tools, samples, asdict(sizes))
    print(f"every round: {where}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny numbers: does it all run?")
    parser.add_argument(
        "--tools",
        type=lambda text: text.split(","),
        default=list(TOOLS),
        metavar="NAMES",
        help=f"which of {','.join(TOOLS)} (default: all)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "bench/results",
        metavar="FOLDER",
        help="where the JSON file goes (default: bench/results)",
    )
    return parser


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
