"""The page "Quickstart", tried."""

from __future__ import annotations

import json
from pathlib import Path

from guide.new_user import NewUser, Page
from processes import Server
from waiting import until

import holdfast


def test_quickstart(tmp_path: Path) -> None:
    page = Page("quickstart")
    with NewUser(tmp_path / "ada") as ada, Server(tmp_path / "elsewhere") as elsewhere:
        script = page.script()
        ada.writes("train.py", script)
        ada.types("python train.py")
        assert list(ada.home.glob("wandb/offline-run-*"))

        # A port and folders of this test; the page's command has the usual ones.
        ready = tmp_path / "ready.json"
        server = ada.begins(f"{page.next('holdfast serve')} --port 0 --ready-file {ready}")
        until(ready.exists, "the server is there")
        url = json.loads(ready.read_text())["url"]
        assert f"{url}/" in ada.said(server), "a link to open"
        ada.variables["HOLDFAST_BASE_URL"] = url
        assert "confirmed" in ada.types(page.next("holdfast sync"))

        ada.places["https://tracker.example"] = elsewhere.url
        said = ada.types(page.next("holdfast login --host"), answers=f"{elsewhere.key}\n")
        assert elsewhere.url in said
        ada.types("rm -r wandb")
        changed = script.replace("import holdfast\n", page.script())
        ada.writes("train.py", changed.replace("holdfast.init", "wandb.init"))
        ada.types("python train.py")
        ada.types(page.next("HOLDFAST_BASE_URL="))
        [key] = json.loads((ada.home / ".config/holdfast/credentials").read_text()).items() - {
            (elsewhere.url, elsewhere.key)
        }
        for api in (holdfast.Api({"base_url": url}, api_key=key[1]), elsewhere.api()):
            [run] = api.runs("local/digits")
            assert run.config == {"lr": 0.001}
            found = [(row["loss"], row["acc"]) for row in run.scan_history()]
            assert found == [(1 / (epoch + 1), epoch / 10) for epoch in range(10)]
    page.end()
