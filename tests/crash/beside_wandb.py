"""The same faults for the real `wandb sync` and for `holdfast sync`: what arrives, what is said.

    python -m crash.beside_wandb [--out FILE]

wandb writes the run folders and, with its own `wandb sync`, sends them to the gateway of a
Holdfast server, through a proxy that makes the fault; `holdfast sync` sends copies of the same
folders to another server, through the same fault. Every figure on the page is measured here.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crash.faults import readable_rows
from crash.proxy import Proxy, status
from processes import Server, environment
from wire.fault_server import Request

from conformance.clients import NEWEST
from conformance.processes import surroundings
from holdfast.errors import NotFoundError
from holdfast.journal import Frame, scan
from holdfast.records.decode import kind

__all__ = ["main"]

_PROJECT = "faults"
_ROWS = 20_000
_FEW = 50
_SECONDS = 300
_SEED = 20261121
_NO_PROXY = "http://127.0.0.1:9"
_TEXT = f"""
What the real `wandb sync` {NEWEST.version} and `holdfast sync` deliver, and what they say, in the
same faults. wandb wrote the run folders (a run has {_ROWS:,} rows of two metrics, each of the
thirty {_FEW}; the killed one less). Its own sync sends them to the gateway of a Holdfast server;
`holdfast sync` sends copies of the same folders to another server; between stands
[a proxy](../../tests/crash/proxy.py) that makes the fault. `make faults` measures it anew and
writes this page.

“Marked” is W&B's `.synced` marker, by which the next sync passes a run over. Rows are counted at
the server, out of those that can be read in the folder. “Again” is the same command once more,
without the fault.
"""
_COLUMNS = (
    *("fault", "", "rows that arrived", "exit code", "what it says", "marked"),
    *("again: rows", "again: exit code", "again: bytes sent"),
)
_SCRIPT = """
import json, os, sys, wandb
for run_id, rows in json.loads(sys.argv[1]):
    run = wandb.init(project="faults", id=run_id, mode="offline")
    for i in range(rows):
        run.log({"loss": 1 / (1 + i), "acc": i / 7})
    if run_id == "killed":
        import pathlib, time
        journal = pathlib.Path(run.dir).parent / "run-killed.wandb"
        while not journal.stat().st_size > 30_000:
            time.sleep(0.01)
        os.killpg(0, 9)
    run.finish()
"""


@dataclass
class Told:
    """How one command ended."""

    code: int | None
    line: str
    seconds: float
    sent: int


@dataclass
class Side:
    """One of the two: its command, its server, the proxy before it, its copy of the folders."""

    name: str
    server: Server
    proxy: Proxy
    folder: Path
    received: int = 0

    def sync(self) -> Told:
        """Run its sync once."""
        before, started = self.received, time.monotonic()
        words, env = self._wandb() if self.name == "wandb sync" else self._holdfast()
        try:
            ended = subprocess.run(
                [*words, "wandb"],
                cwd=self.folder,
                env=env,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
            code, text = ended.returncode, ended.stdout + "\n" + ended.stderr
        except subprocess.TimeoutExpired:
            code, text = None, f"did not end within {_SECONDS} s"
        seconds = time.monotonic() - started
        return Told(code, _telling(text), seconds, self.received - before)

    def _wandb(self) -> tuple[list[str], dict[str, str]]:
        env = surroundings(self.folder, _NO_PROXY)
        env |= {"WANDB_BASE_URL": self.proxy.url, "WANDB_API_KEY": self.server.key}
        return [str(NEWEST.python()), "-m", "wandb", "sync"], env

    def _holdfast(self) -> tuple[list[str], dict[str, str]]:
        env = environment(self.server.config)
        env |= {"HOLDFAST_BASE_URL": self.proxy.url, "HOLDFAST_API_KEY": self.server.key}
        return [sys.executable, "-m", "holdfast", "sync", "--timeout", "10"], env

    def count(self, request: Request, proxy: Proxy) -> bytes:
        """Count what is sent; everything is passed on."""
        self.received += len(request.body)
        return proxy.forward(request)

    def rows(self) -> int:
        """Rows at the server."""
        try:
            runs = list(self.server.api().runs(f"local/{_PROJECT}"))
        except NotFoundError:  # nothing of the project has arrived
            return 0
        return sum(sum(1 for _ in run.scan_history()) for run in runs)

    def there(self) -> int:
        """Rows that can be read in the folders."""
        return sum(len(readable_rows(path.read_bytes())) for path in _journals(self.folder))

    def marked(self) -> str:
        """Of how many runs it says that they are synced."""
        marked = sum(path.with_name(path.name + ".synced").exists() for path in self._runs())
        return f"{marked} of {len(self._runs())}"

    def _runs(self) -> list[Path]:
        return _journals(self.folder)


@dataclass(frozen=True)
class Row:
    """One fault: which runs, what is done to the folders, and what the proxy does."""

    what: str
    runs: list[tuple[str, int]]
    spoil: Callable[[Path], None]
    refuses: str = ""


def _leave(folder: Path) -> None:
    """The folder stays as wandb wrote it."""


def _tear(folder: Path) -> None:
    """See to it that the kill fell into a record, as it mostly does."""
    (journal,) = _journals(folder)
    if scan(journal.read_bytes())[-1].end == journal.stat().st_size:
        os.truncate(journal, journal.stat().st_size - 5)


def _flip(folder: Path) -> None:
    """Flip 16 bytes in the middle of the journal: the row that stands there is lost."""
    (journal,) = _journals(folder)
    data = bytearray(journal.read_bytes())
    rows = (item for item in scan(bytes(data)) if isinstance(item, Frame) and _is_row(item))
    middle = next(row.start for row in rows if row.start > len(data) // 2)
    for at in range(middle, middle + 16):
        data[at] ^= random.Random(_SEED + at).randrange(1, 256)
    journal.write_bytes(data)


def _is_row(frame: Frame) -> bool:
    return kind(frame.payload) == "history"


def _empty_one(folder: Path) -> None:
    """Leave nothing of the tenth run's journal."""
    journal = _journals(folder)[9]
    journal.write_bytes(b"")


_TABLE = (
    Row(
        "every post of metrics is answered 403",
        [("refused", _ROWS)],
        _leave,
        r"/file_stream|/chunks",
    ),
    Row("16 flipped bytes in the middle of the journal", [("flipped", _ROWS)], _flip),
    Row("the training was killed", [("killed", _ROWS)], _tear),
    Row(
        "one run of thirty is empty",
        [(f"run{number:02}", _FEW) for number in range(30)],
        _empty_one,
    ),
)


def main(words: list[str] | None = None) -> int:
    """Play the table and write the page."""
    parser = argparse.ArgumentParser(prog="python -m crash.beside_wandb", description=__doc__)
    parser.add_argument("--out", type=Path, help="write the page here (default: print it)")
    args = parser.parse_args(words)
    lines = _head()
    for row in _TABLE:
        with tempfile.TemporaryDirectory() as folder:
            lines += _play(row, Path(folder))
        print(*lines[-2:], sep="\n", file=sys.stderr)
    text = "\n".join(lines) + "\n"
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


def _head() -> list[str]:
    text = [textwrap.fill(one, 120, break_on_hyphens=False) for one in _TEXT.strip().split("\n\n")]
    columns = f"| {' | '.join(_COLUMNS)} |"
    return ["# Beside `wandb sync`", "", text[0], "", text[1], "", columns, "|---" * 9 + "|"]


def _play(row: Row, folder: Path) -> list[str]:
    written = folder / "written"
    _write(row, written)
    row.spoil(written)
    for journal in _journals(written):
        os.utime(journal, (1e9, 1e9))  # nobody takes its writer for alive
    found = []
    for name in ("wandb sync", "holdfast sync"):
        with _side(name, folder, written) as side:
            if row.refuses:
                side.proxy.meet(status(403), path=row.refuses)
            side.proxy.meet(side.count)
            first = side.sync()
            rows, marked = side.rows(), side.marked()
            side.proxy.behave()
            side.proxy.meet(side.count)
            again = side.sync()
            cells = [
                row.what,
                f"`{name}`",
                f"{rows:,} of {side.there():,}",
                _code(first),
                first.line,
                marked,
                f"{side.rows():,}",
                _code(again),
                f"{again.sent:,}",
            ]
            found.append(f"| {' | '.join(cells)} |")
    return found


def _code(told: Told) -> str:
    return "killed after 300 s" if told.code is None else str(told.code)


def _write(row: Row, folder: Path) -> None:
    folder.mkdir()
    script = folder / "train.py"
    script.write_text(_SCRIPT, encoding="utf-8")
    subprocess.run(
        [str(NEWEST.python()), str(script), json.dumps(row.runs)],
        cwd=folder,
        env=surroundings(folder, _NO_PROXY),
        start_new_session=True,
        capture_output=True,
        timeout=_SECONDS,
        check=False,  # one of them kills itself
    )
    assert len(_journals(folder)) == len(row.runs), "wandb wrote other runs than it was told"


@contextmanager
def _side(name: str, folder: Path, written: Path) -> Iterator[Side]:
    home = folder / name.replace(" ", "-")
    ignore = shutil.ignore_patterns("*.sock")
    shutil.copytree(written, home, symlinks=True, ignore=ignore)
    with Server(folder / f"server-{home.name}") as server, Proxy(server.url) as proxy:
        yield Side(name, server, proxy, home)


def _journals(folder: Path) -> list[Path]:
    return sorted(folder.glob("wandb/offline-run-*/run-*.wandb"))


def _telling(text: str) -> str:
    """The line that tells most: the last one with an error in it, else the last of all."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    wrong = [line for line in lines if re.search(r"ERROR|WARN|✗|holdfast: |gap|failed", line)]
    told = [line for line in lines if not line.startswith("http")]
    line = (wrong or told or ["(nothing)"])[-1]
    line = re.sub(r"http://127\.0\.0\.1:\d+", "http://…", line)
    line = re.sub(r"(/[\w.-]+)*/(wandb/)", r"\2", line)
    return line.replace("|", "\\|").removeprefix("wandb: ")


if __name__ == "__main__":
    sys.exit(main())
