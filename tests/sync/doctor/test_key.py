"""The key: missing, of another server, of the wrong shape, readable by others; never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.settings import save_key
from holdfast.sync.doctor.finding import Finding, apply_fix
from holdfast.sync.doctor.key import look_at_key

LAB = "https://lab.example"
GOOD = "k" * 40


def looked(tmp_path: Path, **env: str) -> list[Finding]:
    found = list(look_at_key(LAB, {"HOLDFAST_CONFIG_DIR": str(tmp_path), **env}))
    assert GOOD not in "".join(map(str, found))
    return found


def test_where_it_was_read_from(tmp_path: Path) -> None:
    [found] = looked(tmp_path, HOLDFAST_API_KEY=GOOD, HOLDFAST_BASE_URL=LAB)
    assert (found.severity, found.evidence) == ("ok", "read from HOLDFAST_API_KEY, 40 characters")
    path = save_key(LAB, GOOD, {"HOLDFAST_CONFIG_DIR": str(tmp_path)})
    [found] = looked(tmp_path)
    assert (found.severity, found.evidence) == ("ok", f"read from {path}, 40 characters")


def test_none_and_those_of_other_servers(tmp_path: Path) -> None:
    [found] = looked(tmp_path)
    assert (found.severity, found.what) == ("error", f"no API key for {LAB}")
    assert "holdfast login --host" in found.cure
    save_key("http://other.example", GOOD, {"HOLDFAST_CONFIG_DIR": str(tmp_path)})
    [found] = looked(tmp_path, WANDB_API_KEY=GOOD)
    assert "WANDB_API_KEY is set, but not for this address" in found.evidence
    assert "keys are kept for http://other.example" in found.evidence


@pytest.mark.parametrize(("key", "severity"), [("with space" * 3, "error"), ("short", "warning")])
def test_the_wrong_shape(tmp_path: Path, key: str, severity: str) -> None:
    [found] = looked(tmp_path, HOLDFAST_API_KEY=key, HOLDFAST_BASE_URL=LAB)
    assert found.severity == severity


def test_a_file_that_others_may_read(tmp_path: Path) -> None:
    path = Path(save_key(LAB, GOOD, {"HOLDFAST_CONFIG_DIR": str(tmp_path)}))
    path.chmod(0o644)
    _, found = looked(tmp_path)
    assert "has the rights 644" in found.evidence
    assert "yours alone" in apply_fix(found)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(looked(tmp_path)) == 1


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("[")
    [found] = looked(tmp_path)
    assert found.severity == "error"
    assert "remove it and run `holdfast login`" in found.cure
