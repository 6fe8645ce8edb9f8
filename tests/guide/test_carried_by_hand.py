"""The page "Carried by hand", tried: out of a site without a network, and the proof back."""

from __future__ import annotations

import shutil
from pathlib import Path

from guide.new_user import NewUser, Page
from processes import Server

TRAIN = """
import holdfast
for run_id in ("one", "two"):
    with holdfast.init(project="digits", id=run_id) as run:
        for step in range(50):
            run.log({"loss": 1 / (1 + step)})
"""


def test_carried_by_hand(tmp_path: Path, server: Server) -> None:
    page = Page("carried-by-hand")
    with NewUser(tmp_path / "there") as there, NewUser(tmp_path / "here") as here:
        there.writes("train.py", TRAIN)
        there.types("python train.py")
        whole, in_volumes = (page.next("holdfast export wandb --out") for _ in range(2))
        there.types(in_volumes)
        there.types("rm runs*")
        there.types(whole)
        shutil.copy(there.home / "runs.tar.zst", here.home)

        here.variables["HOLDFAST_BASE_URL"] = server.url
        here.types("holdfast login", answers=f"{server.key}\n")
        imported = page.next("holdfast import")
        for _ in range(2):  # twice changes nothing
            assert "2 runs confirmed" in here.types(imported)
        here.types(page.next("holdfast import"))
        assert len(list((here.home / "carried").rglob("*.wandb"))) == 2

        shutil.copy(here.home / "receipt.json", there.home)
        there.types(page.next("holdfast sync --receipt"))
        assert len(list(there.home.glob("wandb/offline-run-*"))) == 2
        there.types(page.next("holdfast sync --receipt"))
        assert not list(there.home.glob("wandb/offline-run-*"))
        page.end()
        assert "`tar --zstd -xf runs.tar.zst`" in page.text
        for run in server.api().runs("local/digits"):
            assert [row["loss"] for row in run.scan_history()] == [1 / n for n in range(1, 51)]
