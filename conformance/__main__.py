"""`python -m conformance`: play the table, print it, and say which cells are red."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from conformance.cell import Lengths
from conformance.page import page
from conformance.runner import Job, play
from conformance.sheets import SHEETS
from tools.environments import ROOT

__all__ = ["HOME", "main"]

HOME = ROOT / "build/conformance"


def main(words: list[str] | None = None) -> int:
    """Play what was asked for. Exit code 0 when no cell is red, else 1."""
    args = _parser().parse_args(words)
    jobs = [
        Job(scenario, client)
        for sheet in SHEETS
        for client in sheet.clients
        for scenario in sheet.scenarios
        if (not args.clients or client.version in args.clients)
        and (not args.scenarios or scenario.name in args.scenarios)
    ]
    if not jobs:
        print("conformance: no cell has such a client and such a scenario", file=sys.stderr)
        return 2
    verdicts = play(jobs, HOME, Lengths(outage_s=args.outage), args.jobs)
    text = page(verdicts)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    else:
        print(text)
    red = [job for job, verdict in verdicts.items() if verdict.outcome == "fail"]
    for job in red:
        print(f"red: {job.scenario.name} with {job.client}: {HOME / job.folder}", file=sys.stderr)
    print(f"{len(jobs) - len(red)} of {len(jobs)} cells are not red", file=sys.stderr)
    return 1 if red else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    versions = sorted({client.version for sheet in SHEETS for client in sheet.clients})
    names = [scenario.name for sheet in SHEETS for scenario in sheet.scenarios]
    parser.add_argument(
        "--clients",
        type=_listed,
        metavar="VERSIONS",
        help=f"which of {','.join(versions)} (default: all)",
    )
    parser.add_argument(
        "--scenarios",
        type=_listed,
        metavar="NAMES",
        help=f"which of {','.join(names)} (default: all)",
    )
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 2, metavar="N", help="how many at once"
    )
    parser.add_argument(
        "--outage",
        type=float,
        default=Lengths.outage_s,
        metavar="SECONDS",
        help="how long the server is away in the middle of a run (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the page here (default: print it)"
    )
    return parser


def _listed(text: str) -> list[str]:
    return text.split(",")


if __name__ == "__main__":
    sys.exit(main())
