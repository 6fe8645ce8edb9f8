"""A run deleted by `wandb.Api` on a real server, while commands still have its folder."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

from processes import Server, holdfast_command
from sync.making import make_run
from sync.test_watch_real import Watch, run_at, status
from waiting import until

from holdfast.server.gateway.names import make_id

_DELETE = "mutation D($id: ID!) { deleteRun(input: {id: $id}) { clientMutationId } }"


def delete(server: Server, run_id: str) -> None:
    """As ``wandb.Api().run(…).delete()`` does."""
    variables = {"id": make_id("Run", "local", "digits", run_id)}
    request = urllib.request.Request(
        f"{server.url}/graphql",
        data=json.dumps({"query": _DELETE, "variables": variables}).encode(),
        headers={"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        assert "errors" not in json.load(answer)


def test_nothing_brings_it_back_but_who_wants_it(tmp_path: Path) -> None:
    with Server(tmp_path / "server") as server:
        folder = tmp_path / "scratch"
        run_dir = make_run(folder, "aaaa", count=20)
        make_run(folder, "bbbb", count=20, number=1)
        assert holdfast_command("sync", str(folder), server=server).returncode == 0
        delete(server, "aaaa")
        for words in ([], ["--include-synced"], ["--follow"]):
            done = holdfast_command("sync", *words, str(folder), server=server)
            assert done.returncode == 5, done.stdout + done.stderr
            assert "local/digits/aaaa: run aaaa was deleted from the server on 20" in done.stderr
            assert "UTC by local; `holdfast sync --again` of its folder" in done.stderr
        server.kill()
        server.start()
        watch = Watch(server, folder)
        try:
            until(lambda: watch.said("local/digits/aaaa: run aaaa was deleted"))
            until(
                lambda: [
                    one
                    for one in status(server)["watchers"]
                    if one["states"] == {"confirmed": 1, "deleted": 1}
                ]
            )
        finally:
            watch.kill()
        assert run_at(server, "aaaa") is None
        done = holdfast_command("sync", "--again", str(run_dir.path), server=server)
        assert done.returncode == 0, done.stdout + done.stderr
        run = run_at(server, "aaaa")
        assert (run.proof, run.lastHistoryStep) == ("confirmed", 19)
        done = holdfast_command("verify", "--server", str(folder), server=server)
        assert done.returncode == 0, done.stdout + done.stderr
