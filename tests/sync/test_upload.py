"""Runs of very many files: their names take more than one request has room for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from processes import Server, holdfast_command
from sync.making import context, make_run
from sync.memory_server import MemoryServer, refused

from holdfast.sync.context import Wishes
from holdfast.sync.many import find, recall
from holdfast.sync.one import sync_run

_SMALL_LIMITS = """
import sys
from holdfast.cli.main import main
from holdfast.server.settings import Limits
Limits.__init__.__defaults__ = (256 << 20, 128 << 10, 128 << 10)  # no option says so
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("taken", [70_000, 150_000])
def test_what_a_proxy_refuses_as_too_long_goes_in_shorter_lists(tmp_path: Path, taken: int) -> None:
    server = MemoryServer()
    names = [f"media/{number:04}{'x' * 200}.txt" for number in range(2000)]
    run_dir = make_run(tmp_path, "aa", files=dict.fromkeys(names, b"same"))
    real, refusals = server.name_files, 0

    def name_files(of: Any, files: Any, blobs: Any = ()) -> list[str]:
        nonlocal refusals
        if sum(len(entry.path) + 120 for entry in files) > taken:
            refusals += 1
            raise refused("too_large", 413)
        return real(of, files, blobs)

    server.name_files = name_files  # type: ignore[method-assign]
    assert sync_run(context(server), run_dir).state == "confirmed"
    (named,) = server.files.values()
    assert set(named) == set(names)
    assert 0 < refusals < 5  # what it learned it knows


def test_a_server_with_small_limits(tmp_path: Path) -> None:
    with Server(tmp_path / "server", program=("-c", _SMALL_LIMITS)) as server:
        files = {f"media/images/{number:05}.txt": b"%d" % number for number in range(3000)}
        make_run(tmp_path / "wandb", "aaaa", files=files)
        done = holdfast_command("sync", str(tmp_path / "wandb"), server=server)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {file.name for file in server.api().run("local/digits/aaaa").files()} == set(files)
        done = holdfast_command("verify", "--server", str(tmp_path / "wandb"), server=server)
        assert done.returncode == 0, done.stdout + done.stderr


def test_receipts_that_are_too_many_for_a_proxy_are_asked_about_in_parts(tmp_path: Path) -> None:
    server = MemoryServer()
    some = context(server)
    made = [make_run(tmp_path, f"r{number}", number=number) for number in range(7)]
    for run_dir in made:
        assert sync_run(some, run_dir).ok
    (lost,) = [of for of in server.journals if of.run.run_id == "r5"]
    server.claimed_at.pop(lost)
    real, sizes = server.lapsed, []

    def lapsed(receipts: Any) -> list[int]:
        sizes.append(len(receipts))
        if len(receipts) > 2:
            raise refused("too_large", 413)
        return real(receipts)

    server.lapsed = lapsed  # type: ignore[method-assign]
    found = find([tmp_path], some.base_url, Wishes())
    recall(some.transport, some.base_url, found)
    assert (found.pending, found.missing) == ([made[5]], [])
    assert sum(size for size in sizes if size <= 2) == 7
