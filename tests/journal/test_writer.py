"""The writer: exclusive, one write a frame, fsync by policy, and what may break into it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from journal.making import BLOCK, filled, gaps_of, payloads_of, read
from waiting import until

from holdfast.errors import StorageError, UsageError
from holdfast.journal import HEADER, Writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run-a.wandb"


def test_an_existing_file_is_left_alone(path: Path) -> None:
    path.write_bytes(b"somebody's")
    with pytest.raises(StorageError, match="cannot create the journal"):
        Writer(path)
    assert path.read_bytes() == b"somebody's"


def test_a_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError) as caught:
        Writer(tmp_path / "none" / "run-a.wandb")
    assert "WANDB_DIR" in caught.value.do


def test_an_unknown_policy_creates_no_file(path: Path) -> None:
    with pytest.raises(UsageError, match="sometimes"):
        Writer(path, fsync="sometimes")
    assert not path.exists()


def test_the_header_stands_before_the_first_frame(path: Path) -> None:
    writer = Writer(path)
    assert path.read_bytes() == HEADER
    assert writer.position == len(HEADER)
    writer.close()


def test_position_is_the_size_of_the_file(path: Path) -> None:
    writer = Writer(path, fsync="never")
    for payload in filled(0, 1, 32_000, 700, 800, 100_000, 5):
        writer.append(payload)
        assert writer.position == path.stat().st_size
    writer.close()
    assert payloads_of(read(path.read_bytes())) == filled(0, 1, 32_000, 700, 800, 100_000, 5)


def test_an_append_is_one_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _count(monkeypatch, "write")
    writer = Writer(path, fsync="never")
    assert calls == [writer.fileno()]
    for size in (0, 5, BLOCK - 7, BLOCK, 10 * BLOCK):
        calls.clear()
        writer.append(bytes(size))
        assert calls == [writer.fileno()]
    writer.close()


@pytest.mark.parametrize(
    ("policy", "at_append", "at_close"), [("never", 0, 0), ("interval", 0, 1), ("always", 1, 1)]
)
def test_fsync_in_the_thread_of_the_caller(
    policy: str, at_append: int, at_close: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(path, fsync=policy, interval=3600)
    calls = _count(monkeypatch, "fsync")
    for number in range(1, 4):
        writer.append(b"row")
        assert len(calls) == number * at_append
    calls.clear()
    writer.close()
    assert len(calls) == at_close


def test_the_policy_interval_syncs_from_a_thread_of_its_own(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        real(fd)
        threads.append(threading.current_thread().name)

    monkeypatch.setattr(os, "fsync", fsync)
    writer = Writer(path, fsync="interval", interval=0.005)
    for number in range(3):
        writer.append(b"row")
        until(lambda wanted=number + 1: len(threads) >= wanted)  # type: ignore[misc]
    assert set(threads) == {"holdfast-fsync"}
    writer.close()
    before = len(threads)
    writer.close()
    assert len(threads) == before


def test_nothing_new_is_not_synced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer(path, fsync="interval", interval=0.002)
    writer.append(b"row")
    until(lambda: not writer._dirty)
    turns = 0
    real = writer._stop.wait

    def wait(timeout: float | None = None) -> bool:
        nonlocal turns
        turns += 1
        return real(timeout)

    monkeypatch.setattr(writer._stop, "wait", wait)
    calls = _count(monkeypatch, "fsync")
    until(lambda: turns > 5)
    assert calls == []
    writer.close()


def test_close_may_be_called_twice_and_later_payloads_count_as_lost(path: Path) -> None:
    writer = Writer(path)
    writer.append(b"row")
    assert not writer.closed
    writer.close()
    writer.close()
    assert writer.closed
    assert writer.fileno() == -1
    writer.append(b"late")
    assert writer.lost == 1
    assert payloads_of(read(path.read_bytes())) == [b"row"]


def test_eight_threads(path: Path) -> None:
    writer = Writer(path, fsync="interval", interval=0.001)
    start = threading.Barrier(8)

    def work(name: int) -> None:
        start.wait()
        for number in range(200):
            writer.append(b"%d %d " % (name, number) * (number % 50))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    items = read(path.read_bytes())
    assert gaps_of(items) == []
    seen = [payload.split()[:2] for payload in payloads_of(items) if payload]
    for name in range(8):
        mine = [int(number) for who, number in seen if int(who) == name]
        assert mine == [number for number in range(200) if number % 50]


_FORK = """
import os, signal, sys, threading
from holdfast.journal import Writer
writer = Writer(sys.argv[1], fsync="interval", interval=0.001)
writer.append(b"parent 1")
# Other threads of the parent are inside at the moment of the fork.
inside, over = threading.Event(), threading.Event()
def hold():
    with writer.lock, writer._stop._cond:
        inside.set()
        over.wait()
other = threading.Thread(target=hold)
other.start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    writer.abandon()
    writer.append(b"child")
    writer.close()
    assert (writer.lost, writer.fileno(), writer.closed) == (1, -1, True)
    os._exit(7)
over.set()
other.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
writer.append(b"parent 2")
writer.close()
assert writer.lost == 0
"""


def test_a_forked_child_that_abandons_leaves_the_journal_to_its_parent(path: Path) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", _FORK, str(path)], check=True, timeout=30)
    assert payloads_of(read(path.read_bytes())) == [b"parent 1", b"parent 2"]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_an_interrupt_in_a_write_does_not_shift_what_follows(
    share: float, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is raised right after the call in which it came, before `position` is moved."""
    writer = Writer(path, fsync="never")
    writer.append(b"before")
    real = os.write

    def write(fd: int, data: bytes) -> int:
        real(fd, data[: int(len(data) * share)])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(KeyboardInterrupt):
            writer.append(b"interrupted" * 100)
    for payload in filled(40_000, 0, 70_000):
        writer.append(payload)
        assert writer.position == path.stat().st_size
    writer.close()
    items = read(path.read_bytes())
    assert gaps_of(items) == []
    interrupted = [b"interrupted" * 100] if share == 1 else []
    assert payloads_of(items) == [b"before", *interrupted, *filled(40_000, 0, 70_000)]
    assert (writer.lost, writer.pending) == (0, 0)


_INTERRUPTED = """
import signal, sys
from holdfast.journal import Writer

class Break(Exception):
    pass

def handler(number, frame):
    raise Break

writer = Writer(sys.argv[1], fsync="never")
signal.signal(signal.SIGALRM, handler)
returned, broken, number = [], 0, 0
while broken < 400:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.00001 + broken % 50 * 0.00001)
        while True:
            number += 1
            writer.append(b"%d " % number * 400)
            returned.append(number)
    except Break:
        broken += 1
writer.close()
print(*returned)
"""


def test_exceptions_of_signal_handlers_lose_nothing_that_returned(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED, str(path)],
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
    )
    items = read(path.read_bytes())
    assert gaps_of(items) == []
    assert items[-1].end == path.stat().st_size
    written = [int(payload.split()[0]) for payload in payloads_of(items)]
    assert written == sorted(set(written))
    assert {int(word) for word in done.stdout.split()} <= set(written)


_KILLED = """
import os, sys
from holdfast.journal import Writer
writer = Writer(sys.argv[1], fsync=sys.argv[2], interval=0.001)
number = 0
while True:
    writer.append(b"%d " % number * (number * 37 % 3000))
    os.write(1, number.to_bytes(4, "big"))
    number += 1
"""


@pytest.mark.parametrize("policy", ["never", "interval"])
def test_what_returned_survives_sigkill(
    policy: str, tmp_path: Path, crash_moments: int, crash_seed: int
) -> None:
    moments = random.Random(crash_seed)
    for moment in range(crash_moments):
        path = tmp_path / f"run-{moment}.wandb"
        process = subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(path), policy], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        head = process.stdout.read(4 * moments.randrange(1, 3000))
        process.kill()
        reported = head + process.stdout.read()
        process.stdout.close()
        process.wait()
        last = int.from_bytes(reported[len(reported) // 4 * 4 - 4 :][:4], "big")
        items = read(path.read_bytes())
        assert gaps_of(items) == []
        payloads = payloads_of(items)
        assert len(payloads) in (last + 1, last + 2), "all that returned, and one that may have"
        assert payloads == [b"%d " % n * (n * 37 % 3000) for n in range(len(payloads))]


def _count(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Count the calls of a function of `os` by the descriptors they were given."""
    calls: list[int] = []
    real = getattr(os, name)

    def counted(fd: int, *rest: bytes) -> int | None:
        calls.append(fd)
        return real(fd, *rest)  # type: ignore[no-any-return]

    monkeypatch.setattr(os, name, counted)
    return calls
