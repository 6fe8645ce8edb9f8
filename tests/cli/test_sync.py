"""`holdfast sync` as a command: words, exit codes, and what is asked of the server."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sync.making import append_rows, make_run, rows, start_run
from sync.memory_server import MemoryServer
from sync.over_http import OverHttp
from wire.fault_server import CLOSE, STALL, FaultServer, Request, http

from holdfast.cli.main import main
from holdfast.errors import RefusedError
from holdfast.ids import RunPath
from holdfast.records import encode
from holdfast.wire import ERRORS, error_body

Served = tuple[MemoryServer, OverHttp, FaultServer]


pytestmark = pytest.mark.usefixtures("own_config")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    memory = MemoryServer()
    answers = OverHttp(memory)
    with FaultServer(answers) as server:
        monkeypatch.setenv("HOLDFAST_BASE_URL", server.url)
        yield memory, answers, server


def sync(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["sync", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def test_all_below_the_current_folder(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory, _, server = served
    runs = [make_run(tmp_path / "wandb", f"r{n}", number=n, count=n) for n in range(1, 4)]
    code, out, err = sync(capsys)
    assert code == 0
    assert one_line(out) == f"3 of 3 runs confirmed, 6 rows, at {server.url}"
    assert err.count("✓") == 3
    assert "http://memory/ann/digits/r1" in err
    assert len(memory.journals) == 3
    assert all(run_dir.synced_marker.exists() for run_dir in runs)
    before = len(server.requests)
    code, out, _ = sync(capsys)
    assert (code, one_line(out)) == (0, "0 runs to send, 3 confirmed already")
    asked = [request.target for request in server.requests[before:]]
    assert asked == ["/api/v1/viewer", "/api/v1/receipts"]
    code, out, _ = sync(capsys, "--include-synced")
    assert (code, "3 of 3" in out) == (0, True)


def test_dry_run_asks_nobody(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = make_run(tmp_path / "wandb", "aa")
    code, out, _ = sync(capsys, "--dry-run")
    assert code == 0
    assert f"would send {run_dir.path.relative_to(tmp_path)}" in out
    code, out, _ = sync(capsys, "--dry-run", "--json")
    assert json.loads(out)["pending"] == [str(run_dir.path.relative_to(tmp_path))]
    assert served[2].requests == []


def test_json(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "wandb", "aa", number=1)
    bad = make_run(tmp_path / "wandb", "bb", number=2)
    bad.journal.write_bytes(b"what is this" * 20)
    code, out, err = sync(capsys, "--json", "wandb", "none")
    result = json.loads(one_line(out))
    assert code == result["exit_code"] == 1
    assert err == ""
    good, wrong = sorted(result["runs"], key=lambda run: run["path"])
    assert (good["state"], good["run"], good["rows"]) == ("confirmed", "ann/digits/aa", 10)
    assert good["receipt"]["rows"] == 10
    assert (wrong["state"], wrong["error"]["kind"]) == ("failed", "DamagedError")
    assert result["missing"] == [
        "there is nothing at none; name a run folder or a folder above",
    ]
    assert (result["ok"], result["user"]) == (False, "ann")


def test_wishes(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "wandb", "aa", number=1)
    words = ("--project", "p", "--entity", "e", "--id", "x")
    assert sync(capsys, *words)[0] == 0
    assert [str(journal.run) for journal in served[0].journals] == ["e/p/x"]
    make_run(tmp_path / "wandb", "bb", number=2)
    code, _, err = sync(capsys, "--include-synced", "--id", "x")
    assert code == 2
    assert "--id x for 2 different runs" in one_line(err)


def test_deleted_on_the_server(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = served[0]
    run_dir = make_run(tmp_path / "wandb", "aa")
    other = make_run(tmp_path / "wandb", "bb", number=1)
    assert sync(capsys)[0] == 0
    memory.delete(RunPath("ann", "digits", "aa"))
    code, out, err = sync(capsys, "--clean", ".")
    assert code == RefusedError.exit_code
    assert "✗ ann/digits/aa: refused: run_deleted; do" in err
    assert "0 of 1 runs confirmed" in out
    assert (run_dir.path.exists(), other.path.exists()) == (True, False)
    code, out, _ = sync(capsys, "--json")
    assert (code, json.loads(out)["runs"][0]["state"]) == (5, "deleted")
    main(["status"])
    said = capsys.readouterr().out
    assert "1 deleted; 0 B not sent" in said
    assert "    refused: run_deleted; do\n" in said
    code, out, _ = sync(capsys, "--again")
    assert (code, "1 of 1 runs confirmed" in out) == (0, True)


def test_clean(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = make_run(tmp_path / "wandb", "aa", number=1)
    assert sync(capsys)[0] == 0
    new = make_run(tmp_path / "wandb", "bb", number=2)
    live, writer = start_run(tmp_path / "wandb", "cc", number=3)
    append_rows(writer, rows(2))
    code, _, err = sync(capsys, "--clean", ".")
    assert code == 0
    assert err.count("removed") == 2
    assert not old.path.exists()
    assert not new.path.exists()
    assert live.path.exists()
    writer.close()


def test_no_verify(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = make_run(tmp_path / "wandb", "aa")
    code, out, err = sync(capsys, "--no-verify")
    assert code == 0
    assert "1 of 1 runs sent" in out
    assert "not verified" in err
    assert not run_dir.synced_marker.exists()


def test_a_live_run_counts_as_ok_and_is_said(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, writer = start_run(tmp_path / "wandb", "aa")
    append_rows(writer, rows(2))
    code, _, err = sync(capsys)
    assert code == 0
    assert "still running, confirmed up to now (2 rows" in err
    writer.close()


def test_follow(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir, writer = start_run(tmp_path / "wandb", "aa")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "holdfast", "sync", "--follow", "--json", str(run_dir.path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        append_rows(writer, rows(3))
        deadline = time.monotonic() + 20
        while not served[0].journals and time.monotonic() < deadline:
            time.sleep(0.01)
        append_rows(writer, rows(3, first=3))
        writer.append(encode.exit_record(0, 1))
        writer.close()
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    (run,) = json.loads(out)["runs"]
    assert (run["state"], run["rows"]) == ("confirmed", 6)


def test_no_runs(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = sync(capsys)
    assert (code, one_line(out)) == (0, "no runs found: name a run folder or a folder above")


def test_nothing_at_the_path(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = sync(capsys, "/no/such/folder")
    assert code == 8
    assert "/no/such/folder" in one_line(err)


# Keys


def test_no_key_and_no_terminal(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_run(tmp_path / "wandb", "aa")
    monkeypatch.delenv("HOLDFAST_API_KEY")
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        code, _, err = sync(capsys)
    assert code == 3
    assert "no API key" in one_line(err)
    assert "holdfast login" in err
    assert served[2].requests == []


def test_wrong_key(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_run(tmp_path / "wandb", "aa")
    monkeypatch.setenv("HOLDFAST_API_KEY", "other")
    code, _, err = sync(capsys)
    assert code == 3
    assert one_line(err) == "holdfast: unknown key; log in"


def test_a_key_of_another_address_is_not_sent(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_run(tmp_path / "wandb", "aa")
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        code, _, err = sync(capsys, "--base-url", "http://tracker.invalid")
    assert code == 3
    assert "no API key for http://tracker.invalid" in one_line(err)


def _on_a_terminal(command: list[str], answers: list[tuple[bytes, bytes]]) -> tuple[int, bytes]:
    """Run a command on a terminal of its own; answer each prompt when it comes."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
        os.execv(sys.executable, [sys.executable, *command])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    said = b""
    waiting = list(answers)
    with contextlib.suppress(OSError):  # the terminal of a process that ended
        while data := os.read(terminal, 4096):
            said += data
            if waiting and waiting[0][0] in said:
                os.write(terminal, waiting.pop(0)[1])
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert not waiting, said
    return os.waitstatus_to_exitcode(status), said


@pytest.mark.parametrize(("answer", "keeps"), [(b"\n", True), (b"n\n", False), (b"\x04", False)])
def test_a_key_is_asked_for_on_a_terminal_and_kept(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes, *, keeps: bool
) -> None:
    make_run(tmp_path / "wandb", "aa", files={"big": os.urandom(1_000_000)})
    monkeypatch.delenv("HOLDFAST_API_KEY")
    code, said = _on_a_terminal(
        ["-m", "holdfast", "sync"], [(b"API key for", b"key\n"), (b"Keep this key", answer)]
    )
    assert code == 0, said
    assert b"1 of 1 runs confirmed" in said
    assert b"% |" in said  # a bar was drawn
    credentials = tmp_path / "config" / "credentials"
    assert credentials.exists() == keeps
    if keeps:
        assert json.loads(credentials.read_text()) == {served[2].url: "key"}


# A server that is none, is away, or says no


@pytest.mark.parametrize("address", ["https://api.wandb.ai", "https://wandb.ai"])
def test_wandbs_own_service(
    address: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_run(tmp_path / "wandb", "aa")
    monkeypatch.setenv("HOLDFAST_BASE_URL", address)
    code, _, err = sync(capsys)
    assert code == 5
    assert "use `wandb sync`" in one_line(err)


def test_refused_port(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "wandb", "aa")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("HOLDFAST_BASE_URL", f"http://127.0.0.1:{port}")
    started = time.monotonic()
    code, _, err = sync(capsys, "--timeout", "1")
    assert time.monotonic() - started < 5
    assert code == 4
    assert "connection refused" in err.splitlines()[-1]
    assert "holdfast serve" in err.splitlines()[-1]


def _break(answers: OverHttp, path: str, answer: bytes, times: int = 10**9) -> None:
    """From now on answer requests to paths with ``path`` like this, after acting on them."""
    left = [times]

    def fault(request: Request) -> bytes | None:
        if path not in request.target or not left[0]:
            return None
        left[0] -= 1
        return answer

    answers.fault = fault


STATUSES = sorted({(row.status, row.code) for row in ERRORS.values()})


@pytest.mark.parametrize(("status", "code"), STATUSES)
def test_every_refusal_of_a_chunk(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    status: int,
    code: str,
) -> None:
    """One line for the run, with what to do, and an exit code; and the next sync mends it."""
    run_dir = make_run(tmp_path / "wandb", "aa")
    body = error_body(code, "it was refused", "do this")
    _break(served[1], "/chunks", http(status, body, headers={"Retry-After": "0"}))
    exit_code, out, err = sync(capsys, "--timeout", "1")
    assert exit_code == (3 if status in {401, 403} else 1 if code == "held_by_relay" else 5)
    failed = [line for line in err.splitlines() if line.startswith("✗")]
    assert one_line("\n".join(failed)) == "✗ ann/digits/aa: it was refused; do this"
    assert "0 of 1 runs confirmed" in out
    assert not run_dir.synced_marker.exists()
    _break(served[1], "", b"", 0)
    assert sync(capsys)[0] == 0
    assert next(iter(served[0].journals.values())) == run_dir.journal.read_bytes()


@pytest.mark.parametrize(
    "answer",
    [
        CLOSE,
        http(502, "<html>", kind="text/html"),
        http(503, error_body("unavailable", "busy"), headers={"Retry-After": "0"}),
        http(429, error_body("rate_limited", "slowly"), headers={"Retry-After": "0"}),
        http(422, error_body("digest_mismatch", "damaged on the way")),
        http(200, b"x" * 100)[:-50],
    ],
    ids=["close", "502", "503", "429", "422", "short"],
)
@pytest.mark.parametrize("path", ["/chunks", "/files", "/blobs", "/receipt", "/viewer"])
def test_what_passes_is_ridden_out(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    path: str,
    answer: bytes,
) -> None:
    """The server acted, and its answer was lost or bad: tried again, nothing stored twice."""
    run_dir = make_run(tmp_path / "wandb", "aa")
    _break(served[1], path, answer, times=1)
    assert sync(capsys)[0] == 0
    assert next(iter(served[0].journals.values())) == run_dir.journal.read_bytes()


def test_a_server_that_stalls(
    served: Served,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_run(tmp_path / "wandb", "aa")
    monkeypatch.setenv("HOLDFAST_HTTP_TIMEOUT", "0.2")
    _break(served[1], "/receipt", STALL)
    started = time.monotonic()
    code, _, err = sync(capsys, "--timeout", "1")
    assert time.monotonic() - started < 5
    assert code == 4
    assert "gave no answer within 0.2 s: trying again" in err


def test_errors_of_several_kinds_are_1(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "wandb", "aa", number=1, project="a#b")
    make_run(tmp_path / "wandb", "bb", number=2).journal.write_bytes(b"x" * 100)
    assert sync(capsys)[0] == 1


def test_interrupt_says_so(served: Served, tmp_path: Path) -> None:
    make_run(tmp_path / "wandb", "aa")
    _break(served[1], "/chunks", STALL)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "holdfast", "sync"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 20
        while not served[0].journals and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(2)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"interrupted" in err
    assert b"Traceback" not in err
