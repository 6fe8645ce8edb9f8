"""`holdfast doctor`: why is a run still pending, and what makes it arrive."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from holdfast.settings import load
from holdfast.sync.doctor.examine import look_at_here, look_at_way
from holdfast.sync.doctor.finding import SEVERITIES, Finding, apply_fix
from holdfast.sync.doctor.folders import Pending

__all__ = ["add", "run"]

_MARKS = {"ok": "✓", "note": "·", "warning": "!", "error": "✗"}
_TIMEOUT_SECONDS = 20.0
_SHOWN = 10
_SHOW_PROGRESS_FROM = 20


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="say why runs are pending, and what makes them arrive",
        description="Look at runs, at this disk and at the way to the server: what is wrong, how "
        "that is known, and what to do. Nothing is changed without --fix. The exit code is 0 "
        "when nothing stands in the way.",
    )
    option = parser.add_argument
    option("paths", nargs="*", metavar="PATH", type=Path, help="where to look for runs")
    option("--fix", action="store_true", help="do the cures that are safe")
    option("--local", action="store_true", help="look at this disk only, not at the server")
    option("--json", action="store_true", help="print one JSON object, for scripts")
    option("--base-url", metavar="ADDRESS", help="the server (default: setting base_url)")


def run(args: argparse.Namespace) -> int:
    """Examine, show, and fix if asked to."""
    settings = load({"base_url": args.base_url})
    found, fixed = [], []
    shown: dict[tuple[str, str], int] = {}
    for finding in _examine(args, settings.base_url, settings.http_timeout):
        found.append(finding)
        if not args.json and _is_shown(finding, shown):
            _show(finding)
        if args.fix and finding.fix is not None:
            fixed.append(apply_fix(finding))
            if not args.json:
                print(f"    fix   {fixed[-1]}")
    errors = sum(finding.severity == "error" for finding in found)
    if args.json:
        whole = {
            "server": settings.base_url,
            "ok": errors == 0,
            "findings": [finding.to_json() for finding in found],
            "fixed": fixed,
        }
        print(json.dumps(whole))
    else:
        _tell_rest(shown)
        print(_verdict(found))
    return int(errors > 0)


def _examine(args: argparse.Namespace, server: str, timeout: float) -> Iterator[Finding]:
    pending = Pending()
    yield from look_at_here(args.paths or [Path()], server, pending, _tick)
    if not args.local:
        yield from look_at_way(server, pending, min(timeout, _TIMEOUT_SECONDS))


def _tick(done: int, whole: int) -> None:
    """One line that counts, on a terminal, when there is much to look at."""
    if whole >= _SHOW_PROGRESS_FROM and sys.stderr.isatty():
        text = f"{done} of {whole} runs looked at" if done < whole else ""
        print(f"\r{text:<40}\r", end="", file=sys.stderr, flush=True)


def _is_shown(finding: Finding, shown: dict[tuple[str, str], int]) -> bool:
    """Of what is said of many runs alike, the first few are shown and the rest is counted."""
    if finding.severity == "error" or finding.path is None:
        return True
    key = (_MARKS[finding.severity], finding.what)
    shown[key] = shown.get(key, 0) + 1
    return shown[key] <= _SHOWN


def _show(finding: Finding) -> None:
    head = f"{_MARKS[finding.severity]} {finding.subject}: {finding.what}"
    if finding.severity == "ok":
        print(f"{head} ({finding.evidence})" if finding.evidence else head)
        return
    print(head)
    if finding.path is not None and str(finding.path) not in finding.cure + finding.evidence:
        print(f"    at    {finding.path}")
    if finding.evidence:
        print(f"    seen  {finding.evidence}")
    if finding.cure:
        print(f"    cure  {finding.cure}")


def _tell_rest(shown: dict[tuple[str, str], int]) -> None:
    for (mark, what), count in shown.items():
        if count > _SHOWN:
            print(f"{mark} {what}: {count - _SHOWN} more")


def _verdict(found: Sequence[Finding]) -> str:
    counts = [
        f"{count} {severity}{'s' if count > 1 else ''}"
        for severity in reversed(SEVERITIES)
        if severity in ("warning", "error")
        and (count := sum(finding.severity == severity for finding in found))
    ]
    if any(finding.severity == "error" for finding in found):
        return f"something stands in the way: {', '.join(counts)}"
    return "nothing stands in the way" + (f" ({', '.join(counts)})" if counts else "")
