"""What runs beside training: threads that write what need not be written at once.

Owns the beat (summary, files, console text) and the observer (environment, system metrics), and
the client's own log. Must not know steps or rows. Nothing here may be felt by training: a failure
is counted, written to `logs/debug.log`, said once, and the thread goes on.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from time import monotonic, time
from typing import Any, Protocol

from holdfast.client.console import Capture, Lines
from holdfast.client.disk_guard import DiskGuard
from holdfast.client.environment import Origin
from holdfast.client.files import config_yaml, replace_file, summary_json
from holdfast.client.notice import Notices, near
from holdfast.records import encode
from holdfast.rundir import RunDir
from holdfast.settings import Settings

__all__ = ["Beside", "DebugLog", "DiskTrouble"]

_TICK = 0.25
#: seconds that the end of a run waits for what is found out beside it
_LAST_WAIT = 10.0


class _Records(Protocol):
    """What the threads need of a recorder."""

    def write(self, payload: bytes) -> None:
        """Append a record."""

    def write_summary(self, more: Mapping[str, Any] | None = None) -> bool:
        """Record what changed in the summary; False when nothing did."""

    def summary_copy(self) -> dict[str, Any]:
        """The summary as it stands."""


class DebugLog:
    """`logs/debug.log`: what the client did and what failed, for whoever looks into a problem."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.failures = 0
        self._path = path

    def note(self, text: str) -> None:
        """Append a line with the time; a disk that refuses is not worth a second complaint."""
        from datetime import datetime, timezone

        now = datetime.fromtimestamp(time(), timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        try:
            with open(self._path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{now} {text}\n")
        except OSError:
            self.failures += 1

    def failed(self, what: str, error: BaseException) -> None:
        """Note a failure with its traceback."""
        import traceback

        self.failures += 1
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        self.note(f"{what} failed\n{''.join(lines)}")


class DiskTrouble:
    """What the disk said no to, until somebody can be told.

    The journal's writer tells of it amid a write, with its lock held: no place to print.
    """

    def __init__(self, path: os.PathLike[str], notices: Notices) -> None:
        self.notices = notices
        self._path = path
        self._error: OSError | None = None

    def note(self, error: OSError) -> None:
        """Remember it."""
        self._error = error

    def tell(self) -> None:
        """Say it, once a run."""
        if self._error is not None:
            reason = self._error.strerror or str(self._error)
            self.notices.warn_once(
                "disk",
                f"the disk does not take the journal in {near(self._path)} ({reason}): training "
                "goes on, records wait in memory and are written when it does; free some space",
            )


class Beside:
    """The threads and files of one run.

    Args:
        run_dir: the run folder.
        settings: what the run was told.
        records: the run's recorder.
        config: gives the config as it stands.
        trouble: what the disk said no to.
        origin: what the script was when the run began.
    """

    def __init__(
        self,
        run_dir: RunDir,
        settings: Settings,
        records: _Records,
        config: Callable[[], dict[str, Any]],
        trouble: DiskTrouble,
        origin: Origin,
    ) -> None:
        self.log = DebugLog(run_dir.logs / "debug.log")
        self.config_changed = True
        self._run_dir = run_dir
        self._settings = settings
        self._records = records
        self._config = config
        self._trouble = trouble
        self._capture = Capture(self._take_text) if settings.console == "wrap" else None
        self._lines = Lines()
        self._origin = origin
        self.guard = DiskGuard(run_dir.path, trouble.notices, records.write)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._beat, name="holdfast-beat", daemon=True),
            threading.Thread(target=self._observe, name="holdfast-observe", daemon=True),
        ]

    def start(self) -> None:
        """Begin to listen to the console, and start the threads."""
        if self._capture is not None:
            self._capture.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads and hand on what they have; waits for them, but not for long."""
        self._stop.set()
        end = monotonic() + _LAST_WAIT
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - monotonic()))
                if thread.is_alive():
                    self.log.note(f"{thread.name} did not end within {_LAST_WAIT:.0f} s")
        self._trouble.tell()
        if self._capture is not None:
            self._attempt("the last console text", self._capture.stop)
            self._attempt("output.log", lambda: self._append_output(self._lines.rest()))
        self._attempt("what was left out", self.guard.tell)

    def abandon(self) -> None:
        """Let go of everything without writing: for the child of a fork."""
        self._stop = threading.Event()
        self._stop.set()
        if self._capture is not None:
            self._capture.release()

    def write_files(self) -> None:
        """Bring `config.yaml` and `wandb-summary.json` up to date."""
        self._attempt("config.yaml", self._write_config)
        self._attempt("wandb-summary.json", self._write_summary_file)

    def listen_again(self) -> None:
        """Before a cell of a notebook: hear its output, whatever became of the streams."""
        if self._capture is not None:
            self._capture.listen_again()

    def add_traceback(self, kind: type[BaseException], value: Any, trace: Any) -> None:
        """Keep the traceback of what ended the run, as if it had been printed."""
        if self._capture is not None:
            import traceback

            text = "".join(traceback.format_exception(kind, value, trace))
            self._attempt("the traceback", lambda: self._take_text("stderr", text, time()))

    # the beat

    def _beat(self) -> None:
        due = monotonic()  # a first summary soon, for runs that are watched
        while not self._stop.wait(_TICK):
            self._trouble.tell()
            if self._capture is not None:
                self._attempt("console text", self._capture.flush)
            if self.config_changed:
                self._attempt("config.yaml", self._write_config)
            if monotonic() >= due:
                due = monotonic() + self._settings.summary_interval
                self._attempt("the summary", self._beat_summary)

    def _beat_summary(self) -> None:
        if self._records.write_summary():
            self._write_summary_file()

    def _write_summary_file(self) -> None:
        text = summary_json(self._records.summary_copy())
        replace_file(self._run_dir.files, "wandb-summary.json", text)

    def _write_config(self) -> None:
        self.config_changed = False  # first: a change from here on is written by the next beat
        values = self._config()
        values["_wandb"] = {"python_version": sys.version.split()[0]}
        replace_file(self._run_dir.files, "config.yaml", config_yaml(values))

    def _take_text(self, stream: str, text: str, when: float) -> None:
        if self.guard.metrics_only:
            self.guard.console += len(text)
            return
        self._records.write(encode.output(stream, text, when))
        self._append_output(self._lines.add(stream, text))

    def _append_output(self, text: str) -> None:
        if text:
            path = self._run_dir.files / "output.log"
            with open(path, "a", encoding="utf-8", newline="", errors="backslashreplace") as file:
                file.write(text)

    # the observer

    def _observe(self) -> None:
        # Imported here: psutil and its like take longer than a whole `init` may.
        from holdfast.client.observer import Observer

        write = self._records.write
        self._attempt("the look at the disk", self.guard.check)
        observer = Observer(self._run_dir.files, self._settings, self._origin, write, self.guard)
        for what, part in observer.parts():  # all of them, also when the run is over by then
            self._attempt(what, part)
        if not self._settings.disable_stats and not self._stop.is_set():
            self._attempt("system metrics", observer.begin_stats)
        while not self._stop.wait(self._settings.stats_interval):
            self._attempt("the look at the disk", self.guard.check)
            self._attempt("files that waited for room", observer.catch_up)
            self._attempt("system metrics", observer.write_stats)

    def _attempt(self, what: str, action: Callable[[], Any]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001  whatever it is, it must not end the thread
            self.log.failed(what, error)
            reason = " ".join(str(error).split()) or type(error).__name__
            self._trouble.notices.warn_once(
                what, f"{what} could not be written ({reason}); training and its metrics go on"
            )
