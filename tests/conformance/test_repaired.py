"""Damaged runs of real wandb, repaired, are read to their end by the real `wandb sync`."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import Server
from wandb_runs import fixture

from conformance.cell import Cell, Lengths
from conformance.clients import NEWEST
from holdfast.cli.main import main

#: by far the most of what happens to disks: of each the rows behind the damage are at stake
DAMAGES = ("bad-header-magic", "flipped-byte-length", "noise-block", "zeroed-page")


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_row_that_is_left(damage: str, server: Server, tmp_path: Path) -> None:
    [process] = fixture(f"0.31.0/damaged/{damage}").unpack(tmp_path / "runs")
    assert main(["repair", str(process.folder)]) == 0
    with Cell(NEWEST, server, tmp_path / "cell", damage, Lengths()) as cell:
        cell.command("sync", "--project", damage, str(process.folder)).succeed(120)
        run = cell.run(process.truth["run_id"])
        assert [row["_step"] for row in run.scan_history()] == process.truth["recoverable_steps"]
        assert run.state == "finished"
        assert cell.asked_elsewhere() == []
