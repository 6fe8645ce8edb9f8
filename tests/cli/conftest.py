"""Where commands run in tests: a folder of their own, nothing of the user's settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but an API key, and keys kept in the test's folder, which is the current one."""
    for name in list(os.environ):
        if name.startswith(("HOLDFAST_", "WANDB_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOLDFAST_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("HOLDFAST_API_KEY", "key")
    monkeypatch.chdir(tmp_path)
