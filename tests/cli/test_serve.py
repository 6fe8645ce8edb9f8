"""`holdfast serve` as a process: start, stop, start again, and what it refuses."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3
from processes import Server, environment
from server.making import claim_of, journal_of, rows_of_training

from holdfast.ids import RunPath
from holdfast.wire import JournalPath, digest_of, paths

RUN = RunPath("local", "digits", "r1")


def ask(server: Server, method: str, path: str, **options: Any) -> Any:
    headers = {"Authorization": f"Bearer {server.key}", **options.pop("headers", {})}
    return urllib3.request(method, server.url + path, headers=headers, **options)


def serve(tmp_path: Path, *words: str, data: str = "data") -> subprocess.CompletedProcess[str]:
    """`holdfast serve` that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "holdfast", "serve", "--data", str(tmp_path / data), *words],
        env=environment(tmp_path / "config"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def process_of(server: Server) -> subprocess.Popen[bytes]:
    assert server._process is not None
    return server._process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_acknowledged_is_there_after_a_stop_and_a_start(
    tmp_path: Path, number: signal.Signals
) -> None:
    made = journal_of(rows_of_training(50), exit_code=None)
    journal = JournalPath(RUN, made.journal)
    with Server(tmp_path) as server:
        answer = ask(
            server,
            "POST",
            paths.chunks(journal, 0),
            body=made.data,
            headers={"Holdfast-Digest": digest_of(made.data)},
        )
        assert answer.status == 200, answer.data
        began = time.monotonic()
        process_of(server).send_signal(number)
        assert process_of(server).wait(30) == 0
        assert time.monotonic() - began < 15
        server.start()
        assert ask(server, "GET", paths.journal(journal)).json() == {"position": len(made.data)}
        claim = claim_of(made).to_json()
        assert ask(server, "POST", paths.receipt(journal), json=claim).status == 200
    log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log


def test_the_start_says_where_it_is_and_its_link_signs_in(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        said = (tmp_path / "server.log").read_text()
        assert f"Holdfast serves {server.url}" in said
        assert str(tmp_path / "data") in said
        assert f"holdfast sync --base-url {server.url}" in said
        assert server.login_url in said
        assert re.fullmatch(r"[0-9a-f]{40}", server.key)
        assert ask(server, "GET", "/api/v1/viewer").json()["user"] == "local"
        signed_in = urllib3.request("GET", server.login_url, redirect=False)
        cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
        headers = {"Cookie": cookie}
        viewer = urllib3.request("GET", f"{server.url}/api/v1/viewer", headers=headers)
        assert viewer.json()["user"] == "local"
        # The session outlives the process: the secret is kept.
        server.stop()
        server.start()
        viewer = urllib3.request("GET", f"{server.url}/api/v1/viewer", headers=headers)
        assert viewer.status == 200
    for name in ("data", "data/secret", "config/credentials"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name


def test_a_request_in_flight_is_finished_before_the_stop(tmp_path: Path) -> None:
    made = journal_of(rows_of_training(200))
    with Server(tmp_path) as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        path = paths.chunks(JournalPath(RUN, made.journal), 0)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {server.key}\r\n"
            f"Holdfast-Digest: {digest_of(made.data)}\r\nContent-Length: {len(made.data)}\r\n\r\n"
        )
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head.encode() + made.data[:1000])
            # Another request is answered: the server has taken up the first one by then.
            assert ask(server, "GET", "/api/v1/viewer").status == 200
            process_of(server).terminate()
            _wait_until_refused(host, int(port))
            connection.sendall(made.data[1000:])
            answer = connection.recv(100_000).decode()
        assert answer.startswith("HTTP/1.1 200"), answer
        assert process_of(server).wait(30) == 0
        server.start()
        whole = ask(server, "GET", paths.journal(JournalPath(RUN, made.journal))).json()
        assert whole == {"position": len(made.data)}


def _wait_until_refused(host: str, port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return
        time.sleep(0.02)
    raise AssertionError("the server still takes connections")


def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        done = serve(tmp_path, "--port", "0")
        assert done.returncode == 7
        assert done.stderr.count("\n") == 1
        assert f"process {process_of(server).pid}" in done.stderr
        server.kill()
        server.start()  # the kernel has let go of the folder


def test_a_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = serve(tmp_path, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--port" in done.stderr


def test_others_may_come_only_once_there_are_accounts(tmp_path: Path) -> None:
    done = serve(tmp_path, "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"holdfast users add NAME --data {tmp_path / 'data'}" in done.stderr
    added = subprocess.run(
        [sys.executable, "-m", "holdfast", "users", "add", "ada", "--data", str(tmp_path / "data")],
        env=environment(tmp_path / "config"),
        capture_output=True,
        text=True,
        check=True,
    )
    key = re.findall(r"[0-9a-f]{40}", added.stdout)[0]
    ready = tmp_path / "ready.json"
    words = ["--host", "0.0.0.0", "--port", "0", "--ready-file", str(ready)]
    process = subprocess.Popen(
        [sys.executable, "-m", "holdfast", "serve", "--data", str(tmp_path / "data"), *words],
        env=environment(tmp_path / "config"),
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        url = json.loads(ready.read_text())["url"]
        headers = {"Authorization": f"Bearer {key}"}
        viewer = urllib3.request("GET", f"{url}/api/v1/viewer", headers=headers)
        assert viewer.json()["user"] == "ada"
        assert not (tmp_path / "config" / "credentials").exists()
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_users_can_be_added_and_removed_while_the_server_runs(tmp_path: Path) -> None:
    def users(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "holdfast", "users", *words, "--data", str(tmp_path / "data")],
            env=environment(tmp_path / "config"),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    with Server(tmp_path) as server:
        key = re.findall(r"[0-9a-f]{40}", users("add", "ada"))[0]
        headers = {"Authorization": f"Bearer {key}"}
        viewer = f"{server.url}/api/v1/viewer"
        assert urllib3.request("GET", viewer, headers=headers).json()["user"] == "ada"
        users("remove", "ada")
        deadline = time.monotonic() + 30
        while urllib3.request("GET", viewer, headers=headers).status != 401:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.parametrize("words", [("--port", "70000"), ("--host", "no.such.host.invalid")])
def test_what_cannot_be_listened_on(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = serve(tmp_path, *words)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    done = serve(tmp_path)
    assert done.returncode == 7
    assert done.stderr.count("\n") == 1


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "holdfast.db").write_bytes(b"not a database" * 1000)
    done = serve(tmp_path)
    assert done.returncode in {6, 7}
    assert done.stderr.count("\n") == 1
    assert "not a database" in done.stderr


def test_many_readers_and_writers_at_once(tmp_path: Path) -> None:
    failures: list[str] = []

    def send(number: int, server: Server) -> None:
        made = journal_of(rows_of_training(20, metrics=2), run_id=f"r{number}")
        path = paths.chunks(JournalPath(RUN._replace(run_id=f"r{number}"), made.journal), 0)
        headers = {"Holdfast-Digest": digest_of(made.data)}
        answer = ask(server, "POST", path, body=made.data, headers=headers)
        listed = ask(server, "GET", "/api/v1/projects/local/digits/runs?order=-rows")
        if (answer.status, listed.status) != (200, 200):
            failures.append(f"{answer.data!r} {listed.data!r}")

    with Server(tmp_path) as server:
        threads = [threading.Thread(target=send, args=(n, server)) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        listed = ask(server, "GET", "/api/v1/projects/local/digits/runs").json()
        assert listed["total"] == 16
