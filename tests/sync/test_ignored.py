"""Files that the run itself says are not its own: never sent, never packed, never removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sync.bundle.carrying import content, pack, unpacked
from sync.making import context, make_run
from sync.memory_server import MemoryServer

from holdfast.rundir import IGNORE_FILE, RunDir, discover
from holdfast.sync.many import remove_run
from holdfast.sync.one import sync_run

FILES = {
    "a.txt": b"a",
    "deep/big.ckpt": b"big",
    "scratch/x/y": b"y",
    "media/x.png": b"x",
    IGNORE_FILE: b"# not these\n*.ckpt\n\n  scratch/  \n",
}
KEPT = {"a.txt", "media/x.png", IGNORE_FILE}


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return make_run(tmp_path / "wandb", "aa", files=FILES)


def test_they_are_not_sent_and_the_run_is_confirmed(run_dir: RunDir) -> None:
    server = MemoryServer()
    outcome = sync_run(context(server), run_dir)
    assert outcome.state == "confirmed"
    assert outcome.notes == ["2 files ignored, as the run's ignore file says"]
    (named,) = server.files.values()
    assert set(named) == KEPT


def test_they_are_not_removed(run_dir: RunDir) -> None:
    some = context(MemoryServer())
    assert sync_run(some, run_dir).ok
    outcome = remove_run(some, run_dir)
    assert outcome.error is not None
    assert "2 files in it are ignored (deep/big.ckpt…)" in str(outcome.error)
    assert content(run_dir.files) == FILES
    (run_dir.files / "deep/big.ckpt").unlink()
    (run_dir.files / "scratch/x/y").unlink()
    assert sync_run(some, run_dir).ok
    assert remove_run(some, run_dir).ok
    assert not run_dir.path.exists()


def test_they_are_not_packed(run_dir: RunDir, tmp_path: Path) -> None:
    volumes, _ = pack(tmp_path / "x.tar.zst", [run_dir])
    (found,) = unpacked(volumes, tmp_path / "into")
    assert found.run_dir is not None
    assert set(content(found.run_dir.files)) == KEPT


def test_a_file_that_cannot_be_read_leaves_nothing_to_chance(run_dir: RunDir) -> None:
    (run_dir.files / IGNORE_FILE).unlink()
    (run_dir.files / IGNORE_FILE).mkdir()
    outcome = sync_run(context(MemoryServer()), run_dir)
    assert outcome.state == "failed"
    assert IGNORE_FILE in str(outcome.error)


def test_a_script_says_which(tmp_path: Path) -> None:
    (tmp_path / IGNORE_FILE).write_text("*.ckpt\n# x\nscratch/\n")
    text = (
        "import holdfast, os\n"
        "run = holdfast.init(settings={'quiet': True, 'ignore_globs': ['*.tmp', '*.ckpt']})\n"
        "open(os.path.join(run.dir, 'a.ckpt'), 'w').close()\n"
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "HOLDFAST_"))}
    subprocess.run([sys.executable, "-c", text], cwd=tmp_path, env=kept, check=True, timeout=60)
    (run_dir,) = discover(tmp_path)
    assert (run_dir.files / IGNORE_FILE).read_text() == "*.tmp\n*.ckpt\nscratch/*\n"
    server = MemoryServer()
    assert sync_run(context(server), run_dir).ok
    (named,) = server.files.values()
    assert "a.ckpt" not in named
    assert IGNORE_FILE in named
