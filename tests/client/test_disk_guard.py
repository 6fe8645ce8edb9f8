"""A disk that fills up: what pauses at which mark, that it goes on, and that it is counted.

How full a disk is stands for a disk that is: filling the machine's own would stop everything else.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from client.reading import read, script

from holdfast.client.disk_guard import DiskGuard, fullness
from holdfast.client.notice import Notices
from holdfast.records.replay import Replay


@pytest.mark.parametrize(
    ("full", "may_copy", "metrics_only", "warned"),
    [
        (0.0, True, False, False),
        (0.79, True, False, False),
        (0.80, True, False, True),
        (0.90, False, False, True),
        (0.949, False, False, True),
        (0.95, False, True, True),
        (1.0, False, True, True),
    ],
)
def test_marks(
    capsys: pytest.CaptureFixture[str],
    full: float,
    may_copy: bool,
    metrics_only: bool,
    warned: bool,
) -> None:
    guard = DiskGuard("run", Notices(), lambda payload: None, lambda path: full)
    for _ in range(3):
        guard.check()
    assert (guard.may_copy, guard.metrics_only) == (may_copy, metrics_only)
    assert capsys.readouterr().err.count("full: from 90 %") == int(warned)


def test_it_goes_on_and_is_counted() -> None:
    full = 0.99
    written: list[bytes] = []
    guard = DiskGuard("run", Notices(silent=True), written.append, lambda path: full)
    guard.check()
    guard.console += 700
    guard.readings += 2
    guard.check()
    assert not written
    full = 0.5
    guard.check()
    assert (guard.may_copy, guard.metrics_only) == (True, False)
    guard.tell()
    guard.copies += 1
    guard.tell()
    replay = Replay()
    replay.apply(written[:1])
    assert replay.paused == {"console": 700, "readings": 2}
    replay.apply(written[1:])
    assert len(written) == 2
    assert replay.paused == {"copies": 1, "console": 700, "readings": 2}
    assert Replay.from_json(replay.to_json()).paused == replay.paused
    losses = "files not copied: 1, characters of console text: 700, readings of system metrics: 2"
    assert guard.losses() == losses


def test_how_full_a_disk_is(tmp_path: Path) -> None:
    assert 0.0 < fullness(tmp_path) < 1.0
    assert fullness(tmp_path / "none") == 0.0


TRAIN = (
    "import os, time, holdfast\n"
    "from holdfast.client import disk_guard\n"
    "def look(path): return float(open('full').read())\n"
    "disk_guard.DiskGuard.__init__.__defaults__ = (look,)\n"
    "def say(full):\n"
    "    with open('new', 'w') as file: file.write(full)\n"
    "    os.replace('new', 'full')\n"
    "def wait(what):\n"
    "    end = time.monotonic() + 30\n"
    "    while not what(): assert time.monotonic() < end; time.sleep(0.01)\n"
    "run = holdfast.init(settings={'stats_interval': 0.05, 'disable_git': True})\n"
    "guard = run._held.beside.guard\n"
)


def test_training_on_a_disk_that_is_full_and_then_is_not(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("0.97")
    text = TRAIN + (
        "wait(lambda: guard.metrics_only and guard.copies == 1)\n"
        "print('not kept')\n"
        "run.log({'a': 1})\n"
        "wait(lambda: guard.readings > 2 and guard.console)\n"
        "assert not os.path.exists(run.dir + '/requirements.txt')\n"
        "say('0.10')\n"
        "wait(lambda: not guard.metrics_only and not guard.copies)\n"
        "print('kept again')\n"
        "run.log({'a': 2})\n"
    )
    done = script(tmp_path, text)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "not kept\nkept again\n"
    assert done.stderr.count("is 97% full") == 1
    assert "nearly full: characters of console text: " in done.stderr
    written = read(tmp_path)
    assert written.values("a") == [1, 2]
    assert "kept again\n" in written.console
    assert "not kept" not in written.console
    assert written.replay.paused["console"] >= 9  # the warning on the terminal may be among it
    assert written.replay.paused["readings"] > 2
    assert "copies" not in written.replay.paused
    assert (written.run_dir.files / "requirements.txt").exists()


def test_a_run_that_ends_on_a_full_disk_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("0.91")
    done = script(tmp_path, TRAIN + "wait(lambda: guard.copies == 1)\nprint('kept')\n")
    assert "left out of run" in done.stderr
    assert "nearly full: files not copied: 1" in done.stderr
    written = read(tmp_path)
    assert written.replay.paused == {"copies": 1}
    assert "kept\n" in written.console
