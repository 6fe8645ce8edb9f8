"""`holdfast relay` as a process between `holdfast sync` and a real server; all are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from processes import Server, environment
from sync.making import append_rows, make_run, rows, start_run
from sync.staging import artifact_record, files_of
from waiting import until

from holdfast.errors import HoldfastError
from holdfast.records import encode

HELD = "held by the relay at {url}, not yet at the server"


class Relay:
    """`holdfast relay` on a free port, the same one after a kill."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self._server = server
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        env = {**environment(self._server.config), "HOLDFAST_BASE_URL": self._server.url}
        env["HOLDFAST_STATE_DIR"] = str(self.folder / "state")
        log = self.folder / "relay.log"
        self.folder.mkdir(exist_ok=True)
        log.write_bytes(b"")
        port = self.url.rpartition(":")[2] or "0"
        command = ["relay", "--port", port, "--spool", str(self.folder / "spool"), *options]
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "holdfast", *command], env=env, stdout=out, stderr=out
            )
        until(lambda: "relay at " in log.read_text() or self._process.poll() is not None)  # type: ignore[union-attr]
        assert self._process.poll() is None, log.read_text()
        self.url = log.read_text().partition("relay at ")[2].partition(",")[0]

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server") as started:
        yield started


@pytest.fixture
def relay(server: Server, tmp_path: Path) -> Iterator[Relay]:
    made = Relay(server, tmp_path / "relay")
    made.start()
    yield made
    made.kill()


def node(relay: Relay, server: Server, *words: str, key: str = "") -> list[str]:
    """The command of a node, which knows the relay and nothing else."""
    return ["env", f"HOLDFAST_BASE_URL={relay.url}", f"HOLDFAST_API_KEY={key or server.key}",
            f"HOLDFAST_CONFIG_DIR={relay.folder / 'node'}", sys.executable, "-m", "holdfast",
            *words]  # fmt: skip


def sync(
    relay: Relay, server: Server, *words: str, key: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        node(relay, server, "sync", *words, key=key),
        env=environment(relay.folder / "node"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def steps(server: Server, run_id: str) -> list[int]:
    run = server.api().run(f"local/digits/{run_id}")
    return [row["_step"] for row in run.scan_history(keys=["loss"])]


def _is_confirmed(server: Server, run_id: str) -> bool:
    try:
        return bool(server.api().run(f"local/digits/{run_id}").proof == "confirmed")
    except HoldfastError:
        return False  # not there yet


def test_a_node_syncs_through_it_and_is_confirmed_by_the_server(
    tmp_path: Path, server: Server, relay: Relay
) -> None:
    files = {"config.yaml": b"a: 1\n", "media/big.bin": os.urandom(9 << 20)}
    record = artifact_record(tmp_path / "staging", {"w": os.urandom(9 << 20), "c": b"{}"})
    run_dir = make_run(tmp_path / "wandb", "aaaa", count=50, files=files, records=[record])
    done = sync(relay, server, str(tmp_path / "wandb"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 runs confirmed, 50 rows" in done.stdout
    assert "artifact" not in done.stderr  # nothing is said of it, as all of it is there
    assert f"{server.url}/local/digits/runs/aaaa" in done.stderr
    assert steps(server, "aaaa") == list(range(50))
    names = {file.name for file in server.api().run("local/digits/aaaa").files()}
    assert names == {*files, *(file.path for file in files_of(run_dir))}
    receipt = json.loads(run_dir.receipt.read_text())["receipt"]
    assert receipt["position"] == run_dir.journal.stat().st_size
    again = sync(relay, server, str(tmp_path / "wandb"))
    assert (again.returncode, "1 confirmed already" in again.stdout) == (0, True)


def test_the_server_is_away_while_nodes_sync_and_the_relay_is_killed(
    tmp_path: Path, server: Server, relay: Relay
) -> None:
    server.kill()
    ids = ["aaaa", "bbbb", "cccc"]
    for number, run_id in enumerate(ids):
        make_run(tmp_path / run_id, run_id, number=number, count=20)
        begun = time.monotonic()
        done = sync(relay, server, str(tmp_path / run_id))
        assert done.returncode == 1, done.stdout + done.stderr
        assert HELD.format(url=relay.url) in done.stderr
        assert "sync again to have it confirmed" in done.stderr
        assert not list((tmp_path / run_id).rglob("*.receipt.json"))
        assert time.monotonic() - begun < 60  # half of what is waited for a server
    relay.kill()
    relay.start()  # the server is away still: what it said of the key is remembered
    make_run(tmp_path / "late", "dddd", number=9, count=20, project="digits")
    assert HELD.format(url=relay.url) in sync(relay, server, str(tmp_path / "late")).stderr
    server.start()
    for run_id in [*ids, "dddd"]:
        until(partial(_is_confirmed, server, run_id))
        assert steps(server, run_id) == list(range(20))
    done = sync(relay, server, *(str(tmp_path / name) for name in [*ids, "late"]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 4 runs confirmed, 80 rows" in done.stdout
    assert relay.stop() == 0


def test_the_server_hangs_and_nodes_hear_who_holds_their_runs(
    tmp_path: Path, server: Server, relay: Relay
) -> None:
    wandb = tmp_path / "wandb"
    make_run(wandb, "aaaa", count=20)
    assert sync(relay, server, str(wandb)).returncode == 0
    os.kill(server.pid, signal.SIGSTOP)
    try:
        run_dir = make_run(wandb, "bbbb", number=1, count=20)
        done = sync(relay, server, str(wandb))
    finally:
        os.kill(server.pid, signal.SIGCONT)
    assert done.returncode == 1, done.stdout + done.stderr
    assert HELD.format(url=relay.url) in done.stderr
    assert "cannot ask the server whether it still holds what it confirmed" in done.stderr
    assert "trying again" not in done.stderr  # the relay answered, each time
    assert not run_dir.receipt.exists()
    until(partial(_is_confirmed, server, "bbbb"))
    done = sync(relay, server, str(wandb))
    assert done.returncode == 0, done.stdout + done.stderr
    assert steps(server, "bbbb") == list(range(20))
    assert json.loads(run_dir.receipt.read_text())


def test_a_relay_killed_again_and_again_loses_and_doubles_nothing(
    tmp_path: Path, server: Server, relay: Relay
) -> None:
    run_dir, writer = start_run(tmp_path / "wandb", "live")
    follower = subprocess.Popen(
        node(relay, server, "sync", "--follow", str(run_dir.path)),
        env=environment(relay.folder / "node"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for stretch in range(4):
            append_rows(writer, rows(500, first=500 * stretch))
            if stretch % 2:
                size = run_dir.journal.stat().st_size
                until(partial(_spooled, relay, size))
            relay.kill()
            relay.start()
        writer.append(encode.exit_record(0, 12))
        writer.close()
        until(lambda: follower.poll() is not None)
    finally:
        follower.kill()
        follower.wait()
    done = sync(relay, server, str(tmp_path / "wandb"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert steps(server, "live") == list(range(2000))


def _spooled(relay: Relay, size: int) -> bool:
    journals = (relay.folder / "spool/runs").glob("*/run.wandb")
    return any(journal.stat().st_size >= size for journal in journals)


def test_the_addresses_that_senders_wish_are_kept(
    tmp_path: Path, server: Server, relay: Relay
) -> None:
    make_run(tmp_path / "wandb", "aaaa")
    done = sync(relay, server, "--project", "other", str(tmp_path / "wandb"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.api().run("local/other/aaaa").proof == "confirmed"


def test_another_key_is_refused(tmp_path: Path, server: Server, relay: Relay) -> None:
    make_run(tmp_path / "wandb", "aaaa")
    done = sync(relay, server, str(tmp_path / "wandb"), key="another-key-of-20-characters")
    assert done.returncode == 3
    assert "does not take this key" in done.stderr
    assert not list((relay.folder / "spool/runs").iterdir())


def test_a_spool_is_one_relays_and_one_servers(
    tmp_path: Path, server: Server, relay: Relay
) -> None:
    env = {**environment(server.config), "HOLDFAST_BASE_URL": server.url}
    words = ["relay", "--port", "0", "--spool", str(relay.folder / "spool")]
    command = [sys.executable, "-m", "holdfast", *words]

    def tried() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=60, check=False
        )

    done = tried()
    assert (done.returncode, "another relay works in" in done.stderr) == (7, True)
    relay.kill()
    with Server(tmp_path / "second") as second:
        env = {**environment(second.config), "HOLDFAST_BASE_URL": second.url}
        done = tried()
    assert (done.returncode, "holds runs for" in done.stderr) == (2, True)


def test_with_clean_the_spool_is_emptied_and_nodes_do_not_notice(
    tmp_path: Path, server: Server, relay: Relay
) -> None:
    relay.stop()
    relay.start("--clean", "--bandwidth", "50M")
    wandb = tmp_path / "wandb"
    first = make_run(wandb, "aaaa", count=50, files={"media/big.bin": os.urandom(3 << 20)})
    second = make_run(wandb, "bbbb", count=50, number=1)
    done = sync(relay, server, "--clean", str(first.path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not first.path.exists()
    assert sync(relay, server, str(wandb)).returncode == 0
    spool = relay.folder / "spool"
    until(lambda: not [*spool.glob("runs/*"), *spool.glob("blobs/*/*")])
    assert steps(server, "aaaa") == steps(server, "bbbb") == list(range(50))
    log = (relay.folder / "relay.log").read_text()
    assert "removed local/digits/aaaa from the spool" in log
    verified = subprocess.run(
        node(relay, server, "verify", "--server", str(wandb)),
        env=environment(relay.folder / "node"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    (second.files / "late.txt").write_text("late")
    for words in (["--include-synced"], ["--clean"]):
        done = sync(relay, server, *words, str(wandb))
        assert done.returncode == 0, done.stdout + done.stderr
    assert not second.path.exists()
    names = {file.name for file in server.api().run("local/digits/bbbb").files()}
    assert names == {"requirements.txt", "late.txt"}


def test_out_of_hours_metrics_are_forwarded_and_files_wait(
    tmp_path: Path, server: Server, relay: Relay
) -> None:
    relay.stop()
    hour = time.localtime().tm_hour
    relay.start("--hours", f"{(hour + 2) % 24:02}:00-{(hour + 3) % 24:02}:00")
    make_run(tmp_path / "wandb", "aaaa", count=50)
    done = sync(relay, server, str(tmp_path / "wandb"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert HELD.format(url=relay.url) in done.stderr
    assert steps(server, "aaaa") == list(range(50))
    assert list(server.api().run("local/digits/aaaa").files()) == []
