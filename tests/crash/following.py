"""Commands of holdfast that go on until they are told to end, and scripts that log."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from crash.faults import Place, Said
from waiting import until

from holdfast.errors import HoldfastError

__all__ = ["Running", "is_confirmed", "logging_script", "sync_log"]

_SCRIPT = """
import sys, holdfast
run = holdfast.init(project=sys.argv[1], id=sys.argv[2])
for part in range(2):
    for step in range(300):
        run.log({"loss": 1 / (1 + step)})
    print(sys.stdin.readline(), flush=True)
run.finish()
sys.exit(3)
"""


class Running:
    """A command of holdfast, what it says in a file.

    Args:
        place: where it runs.
        words: the command's.
    """

    def __init__(self, place: Place, *words: str) -> None:
        number = len(list(place.folder.parent.glob("*.log")))
        self.log = place.folder.parent / f"{words[0]}{number}.log"
        with self.log.open("xb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "holdfast", *words],
                env=place.surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def text(self) -> str:
        return self.log.read_text()

    def until_said(self, text: str) -> None:
        until(lambda: text in self.text or self.process.poll() is not None)
        assert text in self.text, self.text

    def stop(self) -> Said:
        """Tell it to end; what it said, and its exit code."""
        assert self.process.poll() is None, self.text
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        assert "Traceback" not in self.text, self.text
        return Said(code, self.text)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()


def logging_script(place: Place, run_id: str, mode: str, *before: str) -> subprocess.Popen[str]:
    """A script that logs 300 rows, 300 more after a line of its input, and ends with code 3.

    Args:
        place: where it writes; the proxy is its server.
        run_id: of its run.
        mode: offline or online.
        before: words before the command, of `holdfast run` say.
    """
    place.folder.mkdir(exist_ok=True)
    more = {"HOLDFAST_MODE": mode, "HOLDFAST_DIR": str(place.folder)}
    return subprocess.Popen(
        [*before, sys.executable, "-c", _SCRIPT, place.project, run_id],
        env={**place.surroundings(), **more},
        cwd=place.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def sync_log(place: Place) -> str:
    """What the process said that follows a run of mode online; empty before it said anything."""
    return "".join(path.read_text() for path in sorted(Path(place.runs).glob("*/logs/sync.log")))


def is_confirmed(place: Place, *ids: str) -> bool:
    """Whether the server has confirmed these runs."""
    try:
        api = place.server.api()
        return all(
            api.run(f"local/{place.project}/{run_id}").proof == "confirmed" for run_id in ids
        )
    except HoldfastError:
        return False  # not there yet, or the server is away
