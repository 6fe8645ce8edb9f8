"""`holdfast run -- COMMAND`: run a command offline, then send the runs that it made.

Its exit code is the command's, whatever becomes of the sending: runs that cannot be sent now lie
in their folders for the next `sync` or the watcher.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.cli.progress import Progress, outcome_line, tell_trace
from holdfast.errors import HoldfastError, UsageError
from holdfast.rundir import RunDir
from holdfast.settings import Settings, key_for, load
from holdfast.settings.load import state_folder
from holdfast.sync.context import Context
from holdfast.sync.http_transport import HttpTransport
from holdfast.sync.made import Before
from holdfast.sync.many import work_off
from holdfast.sync.one import sync_run
from holdfast.sync.retry import Patience, RetryingTransport
from holdfast.sync.standing import read_notes
from holdfast.wire.http import Connection

__all__ = ["add", "run"]

_FIRST_CONTACT_SECONDS = 5.0
_AWAY_SECONDS = 20.0
_AFTER_SIGNAL_SECONDS = 15.0
_JOBS = 4
_PASSED_ON = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2")
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126  # as in a shell


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "run",
        help="run a command offline, then send the runs that it made",
        description="Run COMMAND offline and pass its exit code on. When it has ended, however it "
        "did, the runs that it made are sent, if the server answers; if not, they wait in their "
        "folders for the next sync or the watcher. Signals are passed on to it.",
    )
    option = parser.add_argument
    option(
        "--runs",
        type=Path,
        metavar="PATH",
        help="where the command writes its runs (default: the wandb folder of setting dir)",
    )
    option(
        "--limit",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="stop sending after so long; the rest is sent by the next sync (default: 300)",
    )
    option("--base-url", metavar="ADDRESS", help="the server (default: setting base_url)")
    option("words", nargs=argparse.REMAINDER, metavar="COMMAND", help="what to run, after --")


def run(args: argparse.Namespace) -> int:
    """Run the command, then send."""
    words = args.words[1:] if args.words[:1] == ["--"] else args.words
    if not words:
        raise UsageError("no command was given", "write holdfast run -- python train.py")
    settings = load({"base_url": args.base_url})
    root = args.runs or Path(settings.wandb_dir)
    before = Before(root)
    stop = threading.Event()
    with _passing_signals_on() as child:
        code = child.run(words, _environment(settings))
        if code is None:
            return child.failed
        child.then(stop)
        limit = min(args.limit, _AFTER_SIGNAL_SECONDS) if child.signalled else args.limit
        try:
            _send(before.made(), root, settings, stop, limit)
        except HoldfastError as error:
            _say(f"the runs are queued: {error}")
            _say_how(root)
        except Exception as error:  # noqa: BLE001 - whatever it is, the command's result stands
            _say(f"the runs are queued: a defect of Holdfast ({type(error).__name__}: {error})")
            tell_trace(traceback.format_exc())
    return code


def _environment(settings: Settings) -> dict[str, str]:
    if settings.mode == "disabled":
        return dict(os.environ)
    mode = "shared" if settings.mode == "shared" else "offline"  # as local, of several writers
    return {**os.environ, "HOLDFAST_MODE": mode, "WANDB_MODE": "offline"}


class _Child:
    """The command's process, and where signals go meanwhile and afterwards."""

    def __init__(self) -> None:
        self.failed = _NOT_FOUND
        self.signalled = False
        self._process: subprocess.Popen[bytes] | None = None
        self._stop: threading.Event | None = None

    def run(self, words: Sequence[str], environment: dict[str, str]) -> int | None:
        """Run it to its end; its exit code as a shell has it, None when it could not be started."""
        try:
            self._process = subprocess.Popen(words, env=environment)
        except OSError as error:
            self.failed = _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
            _say(f"cannot run {words[0]}: {error.strerror or error}")
            return None
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def then(self, stop: threading.Event) -> None:
        """It has ended: from now on a signal sets ``stop``."""
        self._process, self._stop = None, stop

    def heard(self, number: int, _frame: object) -> None:
        """A signal came."""
        if self._stop is not None:
            self._stop.set()
            return
        self.signalled = self.signalled or number in {signal.SIGTERM, signal.SIGINT}
        # The terminal gives its Ctrl-C to the command too: it is of the same foreground group.
        if self._process is not None and not (number == signal.SIGINT and _is_in_foreground()):
            self._process.send_signal(number)


@contextmanager
def _passing_signals_on() -> Iterator[_Child]:
    child = _Child()
    numbers = [getattr(signal, name) for name in _PASSED_ON if hasattr(signal, name)]
    before = {number: signal.signal(number, child.heard) for number in numbers}
    try:
        yield child
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_in_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except (OSError, AttributeError):  # no terminal
        return False


def _send(
    runs: Sequence[RunDir], root: Path, settings: Settings, stop: threading.Event, limit: float
) -> None:
    """Send the runs now if that looks possible, within the limit; says how it went."""
    if not runs:
        return
    watchers = [one for one in read_notes(Path(state_folder(settings))) if one.covers(root)]
    if watchers:
        _say(f"{len(runs)} runs are queued: the watcher on {watchers[0].host} sends them")
        return
    key = key_for(settings.base_url)
    if key is None:
        _say(f"{len(runs)} runs are queued: no API key for {settings.base_url}")
        _say_how(root)
        return
    timer = threading.Timer(limit, stop.set)
    timer.daemon = True
    timer.start()
    with Progress(quiet=True) as progress:
        context = _meet(settings, key.value, progress, stop)
        failed = 0
        for outcome in work_off(runs, lambda run_dir: sync_run(context, run_dir), _JOBS):
            failed += not outcome.ok
            _say(outcome_line(outcome))
            tell_trace(outcome.trace)
    timer.cancel()
    if failed:
        _say(f"{failed} of {len(runs)} runs are queued: `holdfast sync` sends what is missing")


def _meet(settings: Settings, key: str, progress: Progress, stop: threading.Event) -> Context:
    """Ask the server who we are; a short while decides whether anything is sent now.

    Raises:
        HoldfastError: it does not answer, or says no.
    """
    soon = min(settings.http_timeout, _FIRST_CONTACT_SECONDS)
    first = Connection(settings.base_url, key, connect_timeout=soon, read_timeout=soon)
    patience = Patience(_FIRST_CONTACT_SECONDS)
    transport = HttpTransport(first)
    viewer = RetryingTransport(transport, patience, say=_silent, stop=stop).viewer()
    first.close()
    connection = Connection(settings.base_url, key, read_timeout=settings.http_timeout)
    later = RetryingTransport(
        HttpTransport(connection), Patience(_AWAY_SECONDS), say=progress.say, stop=stop
    )
    return Context(later, connection.base_url, viewer, progress, stop=stop)


def _say_how(root: Path) -> None:
    _say(f"nothing sends them by itself; `holdfast sync {root}` does, or `holdfast watch {root}`")


def _silent(_line: str) -> None:
    """The pre-flight check tells how it ended, not each try."""


def _say(line: str) -> None:
    print(f"holdfast: {line}", file=sys.stderr, flush=True)
