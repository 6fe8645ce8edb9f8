"""The page "Using wandb's own client", tried with the newest one."""

from __future__ import annotations

import shlex
from pathlib import Path

from guide.new_user import NewUser, Page
from processes import Server

from conformance.clients import NEWEST

VALUES = [(1 / (epoch + 1), epoch / 10) for epoch in range(10)]


def test_wandbs_own_client(tmp_path: Path, server: Server) -> None:
    page = Page("wandbs-own-client")
    there = {"http://tracker.example:8080": server.url}
    with NewUser(tmp_path / "admin") as admin, NewUser(tmp_path / "ada", **there) as ada:
        # wandb is what they have installed; Holdfast is not on their machine
        ada.variables["PATH"] = f"{NEWEST.python().parent}:/usr/local/bin:/usr/bin:/bin"
        address, key, train = (page.next(begins) for begins in ("export", "export", "python"))
        said = admin.types(f"{page.next('holdfast users add ada')} --data {server.folder / 'data'}")
        secret = next(word for word in said.split() if len(word) >= 40)
        ada.exports(address)
        ada.exports(key.replace("…", secret))
        ada.writes("train.py", page.script())
        assert f"{server.url}/ada/digits" in ada.types(train), "a link that opens the run"

        del ada.variables["WANDB_API_KEY"], ada.variables["WANDB_BASE_URL"]
        ada.types(f"{page.next('wandb login --host')} {secret}")  # here is no terminal to ask on
        ada.types(train)

        ada.exports(address)
        ada.exports(key.replace("…", secret))
        ada.types(page.next("WANDB_MODE=offline"))
        [folder] = ada.home.glob("wandb/offline-run-*")
        sync = page.next("wandb sync").replace("offline-run-…", folder.name)
        ada.types(sync)
        page.end()
        ada.types("wandb verify --host " + shlex.quote(server.url), ends=None)

        runs = list(server.api().runs("ada/digits"))
        assert [run.state for run in runs] == ["finished"] * 3
        for run in runs:
            found = [(row["loss"], row["acc"]) for row in run.scan_history()]
            assert found == VALUES
            assert run.config == {"lr": 0.001}
