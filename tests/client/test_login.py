"""`login` keeps a key and touches no network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import holdfast
from holdfast.errors import UsageError
from holdfast.settings import key_for


def test_the_key_is_kept_for_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert holdfast.login(key="secret", host="https://lab.example")
    kept = json.loads((tmp_path / "config" / "credentials").read_text())
    assert kept == {"https://lab.example": "secret"}
    monkeypatch.setenv("HOLDFAST_BASE_URL", "https://other.example")
    assert holdfast.login(key="two", anonymous="never")
    found = key_for("https://other.example")
    assert found is not None
    assert found.value == "two"


def test_a_known_key_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "w")
    assert holdfast.login()  # a server on this machine may have it
    assert not holdfast.login(host="https://lab.example")


def test_no_key_and_nobody_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert not holdfast.login()
    assert "runs are logged all the same" in capsys.readouterr().err


def test_a_key_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "typed")
    assert holdfast.login()
    found = key_for("http://127.0.0.1:8080")
    assert found is not None
    assert found.value == "typed"


def test_bad_arguments() -> None:
    with pytest.raises(UsageError, match="no argument 'hosst'"):
        holdfast.login(hosst="x")
    with pytest.raises(UsageError, match="API key"):
        holdfast.login(key="two words")
    with pytest.raises(UsageError, match="argument base_url is 'lab'"):
        holdfast.login(key="k", host="lab")
