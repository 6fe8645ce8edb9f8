"""`holdfast sync --follow` beside a real server that dies and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from processes import Server, environment
from sync.making import append_rows, rows, start_run
from waiting import until

from holdfast.errors import HoldfastError


def test_a_killed_run_shows_as_crashed_though_the_server_died_meanwhile(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path / "wandb", "aaaa")
    append_rows(writer, rows(5))
    with Server(tmp_path / "server") as server:
        follower = subprocess.Popen(
            [sys.executable, "-m", "holdfast", "sync", "--follow", "--json", str(run_dir.path)],
            env={**environment(server.config), "HOLDFAST_BASE_URL": server.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

        def run() -> Any:
            try:
                return server.api().run("local/digits/aaaa")
            except HoldfastError:
                return None  # not there yet

        until(lambda: run() is not None and run().lastHistoryStep == 4)
        assert run().state == "running"
        server.kill()
        append_rows(writer, rows(5, first=5))
        (run_dir.files / "output.log").write_text("last words")
        time.sleep(1.5)  # the follower finds the server away
        assert follower.poll() is None
        server.start()
        until(lambda: run().lastHistoryStep == 9)
        writer.abandon()
        out, err = follower.communicate(timeout=60)
        assert follower.returncode == 0, err
        (said,) = json.loads(out)["runs"]
        assert (said["state"], said["rows"], said["files"]) == ("confirmed", 10, 1)
        assert b"trying again until it answers" in err
        assert (run().state, run().proof) == ("crashed", "confirmed")
        assert list(run().scan_history()) == rows(10)
