"""A disk that says no: training goes on, it is said, and what it takes again is all there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from client.reading import read, script

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a limit on the size of files")

LIMITED = (
    "import holdfast, resource, sys\n"
    "run = holdfast.init(settings={'disable_git': True, 'disable_stats': True})\n"
    "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
    "def limit(size): resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))\n"
)


def test_a_full_disk_does_not_stop_training(tmp_path: Path) -> None:
    text = LIMITED + (
        "limit(20_000)\n"
        "for n in range(2000):\n    run.log({'a': n, 'text': 'x' * 100})\n"
        "print('trained')\n"
    )
    done = script(tmp_path, text)
    assert done.returncode == 0
    assert done.stdout == "trained\n"
    assert "Traceback" not in done.stderr
    assert done.stderr.count("the disk does not take the journal") == 1
    assert "records of run" in done.stderr
    assert "are lost" in done.stderr
    written = read(tmp_path)
    assert written.gaps == []
    assert written.values("a") == list(range(len(written.rows)))
    assert 50 < len(written.rows) < 200


def test_nothing_is_lost_when_space_returns(tmp_path: Path) -> None:
    text = LIMITED + (
        "for n in range(1000):\n"
        "    if n == 200: limit(20_000)\n"
        "    if n == 600: limit(resource.RLIM_INFINITY)\n"
        "    run.log({'a': n, 'text': 'x' * 100})\n"
    )
    done = script(tmp_path, text)
    assert "are lost" not in done.stderr
    assert read(tmp_path).values("a") == list(range(1000))
    assert read(tmp_path).replay.exit_code == 0


def test_files_that_cannot_be_written_are_said_once(tmp_path: Path) -> None:
    text = LIMITED + (
        "import shutil\nshutil.rmtree(run.dir)\nopen(run.dir, 'w').close()\n"
        "for n in range(10):\n    run.log({'a': n}); run.config.update({str(n): n})\n"
        "print('trained')\n"
    )
    done = script(tmp_path, text)
    assert done.stdout == "trained\n"
    assert done.stderr.count("config.yaml could not be written") == 1
    assert "training and its metrics go on" in done.stderr
    written = read(tmp_path)
    assert written.values("a") == list(range(10))
    assert len(written.replay.config) == 10
    assert "config.yaml failed" in (written.run_dir.logs / "debug.log").read_text()
