"""`mode="online"` with real servers: what the terminal hears at the start, and who asks."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from processes import Server, environment

from holdfast.client.follow import Follower

_SCRIPT = """
import sys, socket
class Denied(socket.socket):
    def __new__(cls, *a, **k): raise RuntimeError("a socket")
socket.socket = Denied
import holdfast
run = holdfast.init(project="digits", id="aaaa", mode="online")
run.log({"a": 1})
sys.stdin.readline()
"""


class Script:
    """A script of mode online that logs one row and waits for a line."""

    def __init__(self, folder: Path, config: Path, url: str, key: str) -> None:
        more = {"HOLDFAST_DIR": str(folder), "HOLDFAST_BASE_URL": url, "HOLDFAST_API_KEY": key}
        self.log = folder / "said"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SCRIPT],
                env={**environment(config), **more},
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
            )

    def first_word(self) -> str:
        """The line that the process beside it gave."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            for line in self.log.read_text().splitlines():
                if line.startswith("holdfast: sync: "):
                    return line.removeprefix("holdfast: sync: ")
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def end(self) -> None:
        followers = psutil.Process(self.process.pid).children()
        self.process.communicate(b"\n", timeout=60)
        for follower in followers:  # it would wait for its server for ever
            with contextlib.suppress(psutil.NoSuchProcess):  # one that gave up
                follower.kill()


@pytest.fixture
def scripts() -> Iterator[list[Script]]:
    started: list[Script] = []
    yield started
    for script in started:
        script.end()


@pytest.mark.parametrize(
    ("key", "word"),
    [("", " answers: runs are sent now"), ("wrong", "this server does not know the API key; ")],
)
def test_a_server_that_answers(tmp_path: Path, scripts: list[Script], key: str, word: str) -> None:
    with Server(tmp_path / "server") as server:
        scripts.append(Script(tmp_path, server.config, server.url, key or server.key))
        assert word in scripts[0].first_word()


def test_nothing_listens(tmp_path: Path, scripts: list[Script]) -> None:
    scripts.append(Script(tmp_path, tmp_path, "http://127.0.0.1:9", "some-key"))
    said = scripts[0].first_word()
    assert said == (
        "nothing listens at http://127.0.0.1:9 (connection refused): trying again until it answers"
    )


def test_a_server_that_says_nothing_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.client.follow._FIRST_WORD_SECONDS", 0.3)
    log, said = tmp_path / "sync.log", list[str]()
    log.write_text("half a li")
    follower = Follower(None, log)
    follower.listen(said.append)
    deadline = time.monotonic() + 20
    while not said:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert said == [
        "sync: the server has not answered yet: the run is queued, and sent when it does"
    ]
