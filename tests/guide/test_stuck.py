"""The page "Stuck? `holdfast doctor`", tried with a damaged run and a server that is away."""

from __future__ import annotations

import json
from pathlib import Path

from guide.new_user import NewUser, Page
from processes import Server

TRAIN = """
import holdfast
with holdfast.init(project="digits") as run:
    for step in range(2000):
        run.log({"loss": 1 / (1 + step)})
"""


def test_stuck(tmp_path: Path) -> None:
    page = Page("stuck")
    with NewUser(tmp_path / "ada") as ada, Server(tmp_path / "server") as server:
        ada.writes("train.py", TRAIN)
        ada.types("python train.py")
        [folder] = ada.home.glob("wandb/offline-run-*")
        [journal] = folder.glob("*.wandb")
        data = bytearray(journal.read_bytes())
        data[40_000] ^= 0xFF
        journal.write_bytes(data)
        ada.variables["HOLDFAST_BASE_URL"] = server.url
        ada.types("holdfast login", answers=f"{server.key}\n")
        server.stop()

        said = ada.types(page.next("holdfast doctor"), ends=1)
        for line in (
            "! folders: the journal is damaged in 1 place; all else will be sent",
            "· folders: pending",
            "✗ network: no connection to the server at 127.0.0.1",
            "Connection refused",
        ):
            assert line in said
            assert line.partition(" at 127")[0] in page.text, "the page shows what it says"
        cures = [line.split("cure  ", 1)[1] for line in said.splitlines() if "cure  " in line]
        assert [cure.split(",")[0].split()[:2] for cure in cures][:2] == [
            ["holdfast", "repair"],
            ["holdfast", "sync"],
        ]

        ada.places["wandb/offline-run-20261120_214835-id4gfkpg"] = str(folder.relative_to(ada.home))
        ada.types(page.next("holdfast doctor wandb/offline-run-"), ends=1)
        ada.types(page.next("holdfast doctor --local"))
        (folder / "files" / "left.lock").touch()
        ada.types(page.next("holdfast doctor --fix"), ends=1)
        found = json.loads(ada.types(page.next("holdfast doctor --json"), ends=1))
        assert "network" in {one["subject"] for one in found["findings"]}
        page.end()

        server.start()
        ada.types(cures[0].split(",")[0])  # the cures, as it said them
        ada.types(cures[1].split(",")[0])
        assert "`holdfast verify --server`" in page.text
        said = ada.types("holdfast verify --server", ends=None)
        [run] = server.api().runs("local/digits")
        rows = list(run.scan_history())
        assert len(rows) > 1500
        assert all(row["loss"] == 1 / (1 + row["_step"]) for row in rows)
        assert "1 run" in said
        ada.types("holdfast doctor")
