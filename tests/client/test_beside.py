"""What is written beside training: environment, git, packages, system metrics, files."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from client.reading import environment, read, script

from holdfast.client.environment import git_of, packages
from holdfast.client.sampler import Sampler

BEGIN = "import holdfast\nrun = holdfast.init(config={'lr': 0.1}, settings={'quiet': True})\n"


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    done = subprocess.run(
        ["git", *identity, *words],
        cwd=folder,
        env=environment(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_where_and_how_it_ran(tmp_path: Path) -> None:
    script(
        tmp_path,
        BEGIN,
        SLURM_JOB_ID="17",
        SLURM_PROCID="0",
        SLURM_JWT_TOKEN="hidden",
        USER="somebody",
    )
    written = read(tmp_path)
    told = written.replay.metadata
    assert told["python"] == platform.python_version()
    assert told["host"] == platform.node()
    assert told["executable"] == sys.executable
    assert told["program"] == str(tmp_path / "train.py")
    assert told["cpu_count_logical"] == os.cpu_count()
    assert told["memory"]["total"] > 2**20
    assert told["slurm"] == {"job_id": "17", "procid": "0"}
    told = json.loads((written.run_dir.files / "wandb-metadata.json").read_text())
    assert told["startedAt"].endswith("Z")
    assert told["cpu"]["countLogical"] == os.cpu_count()
    assert told["codePathLocal"] == "train.py"
    assert "hidden" not in json.dumps(told)
    lines = (written.run_dir.files / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("psutil==") for line in lines)
    assert written.replay.files["requirements.txt"] == "end"


def test_git(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "model.py").write_text("width = 1\n")
    git(tmp_path, "add", "model.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "https://user:token@lab.example/team/code.git")
    (tmp_path / "model.py").write_text("width = 2\n")
    script(tmp_path, BEGIN)
    written = read(tmp_path)
    commit = git(tmp_path, "rev-parse", "HEAD")
    remote = "https://lab.example/team/code.git"
    assert written.replay.metadata["git"] == {"commit": commit, "remote": remote}
    assert "+width = 2" in (written.run_dir.files / "diff.patch").read_text()
    assert written.replay.files["diff.patch"] == "end"


@pytest.mark.parametrize("variable", ["WANDB_DISABLE_GIT", "WANDB_DISABLE_CODE"])
def test_git_left_out(tmp_path: Path, variable: str) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "model.py").write_text("width = 1\n")
    git(tmp_path, "add", "model.py")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "model.py").write_text("width = 2\n")
    script(tmp_path, BEGIN, **{variable: "true"})
    written = read(tmp_path)
    assert ("git" in written.replay.metadata) == (variable == "WANDB_DISABLE_CODE")
    assert not (written.run_dir.files / "diff.patch").exists()


def test_a_folder_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_of(str(tmp_path), with_diff=True) is None
    monkeypatch.setenv("PATH", "")
    assert git_of(str(Path(__file__).parent), with_diff=True) is None


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    found = git_of(str(tmp_path), with_diff=True)
    assert found is not None
    assert (found.commit, found.remote, found.diff) == ("", "", "")


def test_a_huge_diff_is_cut(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "data.txt").write_text("x\n")
    git(tmp_path, "add", "data.txt")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "data.txt").write_text("".join(f"line {n}\n" for n in range(200_000)))
    found = git_of(str(tmp_path), with_diff=True)
    assert found is not None
    assert 1_000_000 < len(found.diff) < 1_100_000
    assert found.diff.endswith("(cut off here: the changes are larger than this)\n")


def test_packages_are_named_once() -> None:
    lines = packages()
    assert len({line.split("==")[0] for line in lines}) == len(lines) > 0
    names = [line.split("==")[0] for line in lines]
    assert names == sorted(names)


def test_system_metrics(tmp_path: Path) -> None:
    text = (
        "import holdfast, time\n"
        "run = holdfast.init(settings={'quiet': True, 'stats_interval': 0.05})\n"
        "end = time.monotonic() + 20\n"
        "path = holdfast.run._held.run_dir.journal\n"
        "while b'proc.memory.rssMB' not in path.read_bytes() and time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
    )
    script(tmp_path, text)
    stat = read(tmp_path).applied.stats[0]
    assert stat.timestamp > 1.7e9
    assert {"cpu", "memory_percent", "proc.memory.rssMB", "proc.cpu.threads"} <= set(stat.values)
    assert {"network.sent", "network.recv", "disk.in", "disk.out"} <= set(stat.values)
    assert 0 < stat.values["memory_percent"] <= 100


def test_a_reading_is_all_numbers() -> None:
    values = Sampler().read()
    assert all(type(value) is float for value in values.values())


def test_files_are_there_while_the_script_runs(tmp_path: Path) -> None:
    text = (
        "import holdfast, time, os\n"
        "run = holdfast.init(config={'lr': 0.1}, settings={'quiet': True})\nrun.log({'a': 1})\n"
        "names = ('config.yaml', 'wandb-summary.json', 'wandb-metadata.json', 'requirements.txt')\n"
        "end = time.monotonic() + 20\n"
        "there = lambda: all(os.path.exists(os.path.join(run.dir, n)) for n in names)\n"
        "while not there() and time.monotonic() < end: time.sleep(0.02)\n"
        "os.kill(os.getpid(), 9) if os.name != 'nt' else os._exit(9)\n"
    )
    script(tmp_path, text)
    written = read(tmp_path)
    names = {path.name for path in written.run_dir.files.iterdir()}
    assert {"config.yaml", "wandb-summary.json", "wandb-metadata.json"} <= names
    assert not [name for name in names if name.endswith(".tmp")]
    assert json.loads((written.run_dir.files / "wandb-summary.json").read_text())["a"] == 1
    assert "summary" in written.kinds
