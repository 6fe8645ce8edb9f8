"""`holdfast sync --job-type --replace-tags` beside a real server: what was proven stays proven."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import Server, holdfast_command
from sync.making import make_run, rows


@pytest.mark.parametrize("more", [[], ["--no-verify"], ["--follow"]])
def test_the_run_says_it_and_its_journal_is_as_written(tmp_path: Path, more: list[str]) -> None:
    folder = tmp_path / "wandb"
    run_dir = make_run(folder, "aaaa", tags=("old", "kept"), job_type="train")
    before = run_dir.journal.read_bytes()
    words = ["--job-type", "eval", "--replace-tags", "old=new"]
    with Server(tmp_path / "server") as server:
        done = holdfast_command("sync", *more, *words, str(folder), server=server)
        assert done.returncode == 0, done.stderr
        run = server.api().run("local/digits/aaaa")
        assert (run.job_type, run.tags, run.state) == ("eval", ["new", "kept"], "finished")
        assert list(run.scan_history()) == rows(10)
        assert run_dir.journal.read_bytes() == before
        again = holdfast_command("sync", "--include-synced", str(folder), server=server)
        assert again.returncode == 0, again.stderr
        checked = holdfast_command("verify", "--server", str(folder), server=server)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        run = server.api().run("local/digits/aaaa")
        assert (run.job_type, run.tags, run.proof) == ("eval", ["new", "kept"], "confirmed")
