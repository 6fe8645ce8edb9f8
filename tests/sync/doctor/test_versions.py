"""Versions are told and refuse nothing."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from holdfast.sync.doctor.versions import Written, look_at_server


def test_writers_are_counted_and_newer_ones_named() -> None:
    written = Written()
    written.take(Path("a.wandb"), "0.31.0+abc", {"run": 1})
    written.take(Path("b.wandb"), "0.31.0+abc", {"run": 1})
    written.take(Path("c.wandb"), "", {})
    written.take(Path("d.wandb"), "holdfast 0.2", {})
    written.take(Path("x/e.wandb"), "0.40.1", {"unknown": 3})
    known, newer, unknown = written.findings()
    assert "wandb 0.31.0 (2)" in known.evidence
    assert "wandb before 0.18, which does not say (1)" in known.evidence
    assert "holdfast 0.2 (1)" in known.evidence
    assert newer.evidence == "wandb 0.40.1; tested: 0.12 to 0.31"
    assert {known.severity, newer.severity, unknown.severity} == {"ok", "note"}
    assert "3 records" in unknown.what


def test_nothing_written_is_nothing_said() -> None:
    assert Written().findings() == []


def test_the_server_s() -> None:
    assert look_at_server(metadata.version("holdfast")).severity == "ok"
    assert look_at_server("9.9").severity == "note"
