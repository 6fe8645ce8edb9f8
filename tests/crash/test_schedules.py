"""Random schedules of faults through real processes: nothing is lost, nothing doubled.

As the simulation (`crash.simulation`), with a real server, a real proxy and real kills. A failure
names its seed.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from crash import proxy as net
from crash.faults import Place, Said
from crash.proxy import Act, Proxy
from processes import Server
from sync.making import append_rows, rows, start_run
from sync.staging import artifact_record

from holdfast.journal import Writer
from holdfast.records import encode
from holdfast.rundir import RunDir

_SHARES = 3
_ROUTES = ("", "/viewer", "/chunks", "/files$", "/receipt$", "/receipts$", "/blobs/", "/journals/")
_STATUSES = (400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504, 507)
#: a sync may fail in any of these ways (7: its folder moved away); -9 was killed by the schedule
_CODES = {0, 1, 3, 4, 5, 7, -9}
_HASTE = {"HOLDFAST_HTTP_TIMEOUT": "1"}


@pytest.mark.parametrize("share", range(_SHARES))
def test_schedules(share: int, tmp_path: Path, crash_moments: int, crash_seed: int) -> None:
    with Server(tmp_path / "server") as server, Proxy(server.url) as proxy:
        for number in range(share, crash_moments, _SHARES):
            seed = f"{crash_seed} real {number}"
            folder = tmp_path / f"schedule{number}"
            try:
                _Schedule(seed, Place(server, proxy, folder, f"schedule{number}")).play()
            except Exception as error:
                raise AssertionError(f"schedule {seed!r}: {error}") from error
            shutil.rmtree(folder)


class _Schedule:
    """Some run folders, and some syncs of them that meet faults."""

    def __init__(self, seed: str, place: Place) -> None:
        self._rng = random.Random(seed)
        self._place = place
        self._running: list[subprocess.Popen[str]] = []
        self._one_at_a_time = threading.Lock()  # requests come from several connections
        self._backup = place.folder.parent / "backup"
        self._growing: list[tuple[Writer, int]] = []
        self._make_runs()

    def play(self) -> None:
        rng, place = self._rng, self._place
        for _ in range(rng.randint(1, 3)):
            self._between()
            for _ in range(rng.randint(1, 4)):
                place.proxy.meet(
                    rng.choice(self._acts())(),
                    path=rng.choice(_ROUTES),
                    times=rng.randint(1, 3),
                    after=rng.randint(0, 4),
                )
            syncs = range(rng.choice((1, 1, 2)))
            self._running = [place.start("--timeout", "3", more=_HASTE) for _ in syncs]
            for process in self._running:
                self._judge(place.end(process))
            place.proxy.behave()
            place.proxy.settle()
        for writer, count in self._growing:
            append_rows(writer, rows(5, first=count))
            writer.append(encode.exit_record(0, 1))
            writer.close()
        place.finish()
        shutil.rmtree(self._backup, ignore_errors=True)

    def _make_runs(self) -> None:
        rng, place = self._rng, self._place
        for number in range(rng.randint(1, 3)):
            sizes = [rng.choice((0, 10, 300_000)) for _ in range(rng.randint(0, 3))]
            files = {f"file{n}": rng.randbytes(size) for n, size in enumerate(sizes)}
            records = (
                [artifact_record(place.folder / "staging", files)] if rng.random() < 0.4 else []
            )
            count = rng.randint(0, 500)
            place.run(f"run{number}", number=number, count=count, files=files, records=records)
        if rng.random() < 0.3:
            place.long_run("long", 9)
        if rng.random() < 0.5:
            _, writer = start_run(place.runs, "growing", number=9, project=place.project)
            self._growing.append((writer, 0))
        if rng.random() < 0.3:
            self._flip(rng.choice(self._journals()))

    def _acts(self) -> list[Callable[[], Act]]:
        """What may happen to a request or at the moment of one."""
        rng = self._rng
        return [
            lambda: net.reset_after,
            lambda: net.reset_before,
            lambda: net.stall,
            lambda: net.cut_short,
            lambda: net.twice,
            lambda: net.overtaken(rng.random()),
            lambda: net.status(rng.choice(_STATUSES)),
            lambda: net.html,
            lambda: net.break_off_within(self._kill_server),
            lambda: net.also(self._kill_server),
            lambda: net.also(self._kill_syncs),
            lambda: net.also(self._grow),
            lambda: net.also(self._move),
            lambda: net.also(self._change_file),
        ]

    def _between(self) -> None:
        """The server is backed up, or set back."""
        if self._rng.random() < 0.6:
            return
        server, data = self._place.server, self._place.server.folder / "data"
        server.stop()
        if self._backup.exists():
            shutil.rmtree(data)
            self._backup.rename(data)
        else:
            shutil.copytree(data, self._backup)
        server.start()

    def _kill_server(self) -> None:
        with self._one_at_a_time:
            self._place.restart_server()

    def _kill_syncs(self) -> None:
        for process in self._running:
            process.kill()

    def _grow(self) -> None:
        with self._one_at_a_time:
            for at, (writer, count) in enumerate(self._growing):
                append_rows(writer, rows(7, first=count))
                self._growing[at] = writer, count + 7

    def _move(self) -> None:
        with self._one_at_a_time:
            folder = RunDir(self._rng.choice(self._journals())).path
            moved = folder.parent / f"moved{self._rng.randrange(10**6)}"
            moved.mkdir()
            folder.rename(moved / folder.name)

    def _change_file(self) -> None:
        with self._one_at_a_time:
            folder = RunDir(self._rng.choice(self._journals())).files
            (folder / "file0").write_bytes(os.urandom(20))

    def _journals(self) -> list[Path]:
        found = self._place.folder.rglob("*.wandb")
        return sorted(path for path in found if "latest-run" not in path.parts)

    def _flip(self, path: Path) -> None:
        data = bytearray(path.read_bytes())
        for _ in range(16 if len(data) > 600 else 0):
            data[self._rng.randrange(500, len(data))] ^= self._rng.randrange(1, 256)
        path.write_bytes(data)

    def _judge(self, said: Said) -> None:
        """Whatever a sync says is true, and short."""
        assert said.code in _CODES, said.text
        if said.code == 0:
            last = said.text.strip().splitlines()[-1].split()
            assert "runs to send" in said.text or last[0] == last[2], said.text
