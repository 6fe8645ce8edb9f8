"""`holdfast login`: a key is kept after the server has taken it."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
from sync.memory_server import MemoryServer
from sync.over_http import OverHttp
from wire.fault_server import FaultServer, http

from holdfast.cli.main import main


@pytest.fixture(autouse=True)
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("HOLDFAST_", "WANDB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOLDFAST_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config" / "credentials"


def test_a_good_key_is_kept(credentials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FaultServer(OverHttp(MemoryServer())) as server:
        assert main(["login", "--host", server.url, "key"]) == 0
    assert json.loads(credentials.read_text()) == {server.url: "key"}
    assert credentials.stat().st_mode & 0o777 == 0o600
    out = capsys.readouterr().out
    assert f"logged in to {server.url} as ann" in out
    assert str(credentials) in out


def test_a_wrong_key_is_not(credentials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FaultServer(OverHttp(MemoryServer())) as server:
        assert main(["login", "--host", server.url, "other"]) == 3
    assert not credentials.exists()
    assert "unknown key" in capsys.readouterr().err


def test_a_key_from_standard_input(credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("key\n"))
    with FaultServer(OverHttp(MemoryServer())) as server:
        assert main(["login", "--host", server.url]) == 0
    assert json.loads(credentials.read_text()) == {server.url: "key"}


def test_no_key_at_all(credentials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["login", "--host", "http://127.0.0.1:1"]) == 3
    assert not credentials.exists()


def test_unverified(credentials: Path) -> None:
    assert main(["login", "--no-verify", "--host", "http://127.0.0.1:1", "key"]) == 0
    assert json.loads(credentials.read_text()) == {"http://127.0.0.1:1": "key"}


def test_another_kind_of_server(credentials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = http(200, "<html>", kind="text/html")
    with FaultServer(lambda _: page) as server:
        assert main(["login", "--host", server.url, "key"]) == 5
    assert "not a Holdfast server" in capsys.readouterr().err
    assert not credentials.exists()
