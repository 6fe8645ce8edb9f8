"""How a run fares when its process ends, forks, spawns or is killed: real processes throughout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from client.reading import environment, only, read, script
from waiting import until

from holdfast.rundir import writer_of

BEGIN = "import holdfast, sys\nrun = holdfast.init(project='p')\nrun.log({'a': 1})\n"
posix = pytest.mark.skipif(os.name == "nt", reason="fork and POSIX signals")


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("", 0),
        ("run.finish()", 0),
        ("run.finish(exit_code=7)", 7),
        ("sys.exit()", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('words')", 1),
        ("raise ValueError('broken')", 1),
        ("raise KeyboardInterrupt", 255),
        ("def f():\n    f()\nf()", 1),
        ("with run:\n    pass", 0),
        ("with run:\n    raise ValueError('broken')", 1),
        ("with run:\n    raise SystemExit(4)", 4),
    ],
)
def test_the_end_of_the_process_is_the_end_of_the_run(tmp_path: Path, end: str, code: int) -> None:
    done = script(tmp_path, BEGIN + end)
    written = read(tmp_path)
    assert written.replay.exit_code == code
    assert written.kinds[-1] == "exit"
    assert written.values("a") == [1]
    spec = json.loads((tmp_path / "wandb" / "latest.spec").read_text())
    assert spec["state"] == ("finished" if code == 0 else "failed")
    if "broken" in end:
        assert "ValueError: broken" in done.stderr
        assert "ValueError: broken" in written.console
    uncaught = end.startswith(("raise", "def f")) or "broken" in end
    assert ("Traceback" in done.stderr) == uncaught


def test_the_exit_code_of_the_script_stays(tmp_path: Path) -> None:
    assert script(tmp_path, BEGIN + "sys.exit(3)").returncode == 3
    assert script(tmp_path, BEGIN + "raise ValueError").returncode == 1
    assert script(tmp_path, BEGIN + "run.finish(); sys.exit(5)").returncode == 5


def test_another_excepthook_still_runs(tmp_path: Path) -> None:
    text = (
        "import sys\nsys.excepthook = lambda *a: print('mine', file=sys.stderr)\n"
        + BEGIN
        + "raise ValueError"
    )
    assert "mine" in script(tmp_path, text).stderr
    assert read(tmp_path).replay.exit_code == 1


@posix
def test_a_kill_loses_nothing_that_was_logged(tmp_path: Path) -> None:
    text = (
        "import holdfast, os\nrun = holdfast.init()\n"
        "for n in range(300):\n    run.log({'a': n, 'b': {'c': n / 7}})\n"
        "run.log({'open': 1}, step=1000)\n"
        "print('working', flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert script(tmp_path, text).returncode == -9
    written = read(tmp_path)
    assert written.values("a") == list(range(300))
    assert written.replay.open_row is not None
    assert written.replay.open_row["open"] == 1
    assert written.replay.exit_code is None
    assert written.gaps == []


@posix
def test_an_interrupt_in_the_midst_of_logging(tmp_path: Path) -> None:
    text = (
        "import holdfast\nrun = holdfast.init()\nprint('go', flush=True)\nn = 0\n"
        "while True:\n    run.log({'a': n})\n    n += 1\n"
    )
    path = tmp_path / "train.py"
    path.write_text(text)
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        with subprocess.Popen(
            [sys.executable, str(path)],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.02 * number)  # a moment of its own each time, not a wait for something
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            finally:
                process.kill()
        written = read(folder)
        assert written.replay.exit_code == 255
        assert written.gaps == []
        assert written.values("a") == list(range(len(written.rows)))


@posix
def test_a_signal_handler_may_log_and_finish(tmp_path: Path) -> None:
    text = (
        "import holdfast, signal, os, time\nrun = holdfast.init()\n"
        "def handler(*_):\n"
        "    run.log({'in_handler': 1})\n    run.mark_preempting()\n    run.finish()\n"
        "signal.signal(signal.SIGALRM, handler)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.05)\n"
        "try:\n    while True:\n        run.log({'a': 1, 'b': [1, 2]})\n"
        "except holdfast.UsageError as error:\n    print(error)\n"
    )
    done = script(tmp_path, text)
    assert "is finished" in done.stdout
    written = read(tmp_path)
    assert written.gaps == []
    assert written.replay.exit_code == 0
    assert sum(v is not None for v in written.values("in_handler")) == 1
    assert [row["_step"] for row in written.rows] == list(range(len(written.rows)))
    assert "preempting" in written.kinds


@posix
def test_a_forked_child_does_not_write_into_its_parents_journal(tmp_path: Path) -> None:
    text = (
        "import holdfast, os, sys\nrun = holdfast.init()\nrun.log({'a': 1})\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    for n in range(50):\n        run.log({'child': n})\n"
        "    run.config.update({'child': 1})\n    run.summary['child'] = 1\n"
        "    holdfast.log({'child': 1})\n    run.unknown.thing()\n    run.finish()\n"
        "    print('child done', flush=True)\n    sys.exit(9)\n"
        "os.waitpid(pid, 0)\nrun.log({'a': 2})\n"
    )
    done = script(tmp_path, text)
    assert "child done" in done.stdout
    written = read(tmp_path)
    assert [(row["a"], row["_step"]) for row in written.rows] == [(1, 0), (2, 1)]
    assert "child" not in written.replay.config
    assert "child" not in written.replay.summary
    assert written.replay.exit_code == 0
    assert written.gaps == []
    assert done.stderr.count("is a worker of the one that logs run") == 1
    assert "holdfast.init()" in done.stderr


@posix
def test_a_forked_child_may_log_a_run_of_its_own(tmp_path: Path) -> None:
    text = (
        "import holdfast, os, sys\nrun = holdfast.init(id='parent')\nrun.log({'a': 1})\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    own = holdfast.init(id='child')\n    own.log({'child': 1})\n    sys.exit(2)\n"
        "os.waitpid(pid, 0)\nrun.log({'a': 2})\n"
    )
    script(tmp_path, text)
    (parent,) = (tmp_path / "wandb").glob("*-parent")
    (child,) = (tmp_path / "wandb").glob("*-child")
    assert read(parent).values("a") == [1, 2]
    assert read(child).values("child") == [1]
    assert read(child).replay.exit_code == 2


@posix
def test_the_journal_is_not_held_by_a_child_that_lives_on(tmp_path: Path) -> None:
    text = (
        "import holdfast, os, sys, time\nrun = holdfast.init()\n"
        "if os.fork() == 0:\n    sys.stdout.close(); sys.stderr.close(); os.close(1); os.close(2)\n"
        "    open('child.pid', 'w').write(str(os.getpid()))\n    time.sleep(120)\n    os._exit(0)\n"
        "while not os.path.exists('child.pid') or not open('child.pid').read(): time.sleep(0.01)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    script(tmp_path, text)
    child = int((tmp_path / "child.pid").read_text())
    try:
        # A command of git that was being started at the kill has the journal until it is git.
        until(lambda: writer_of(only(tmp_path)) == "gone", "the child holds the journal")
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_multiprocessing(tmp_path: Path, method: str) -> None:
    if os.name == "nt" and method == "fork":
        method = "spawn"
    text = (
        "import holdfast, multiprocessing\n"
        "def work(run, number):\n"
        "    run.log({'worker': number})\n    return (run.id, run.config['lr'])\n"
        "if __name__ == '__main__':\n"
        "    run = holdfast.init(config={'lr': 0.5})\n    run.log({'a': 1})\n"
        f"    with multiprocessing.get_context('{method}').Pool(2) as pool:\n"
        "        print(pool.starmap(work, [(run, n) for n in range(4)]) == [(run.id, 0.5)] * 4)\n"
        "    run.log({'a': 2})\n"
    )
    done = script(tmp_path, text)
    assert done.stdout == "True\n", done.stderr
    written = read(tmp_path)
    assert written.values("a") == [1, 2]
    assert written.values("worker") == [None, None]
    assert "is a worker" in done.stderr


def test_a_run_that_is_dropped_still_ends(tmp_path: Path) -> None:
    script(tmp_path, "import holdfast\nholdfast.init()\nholdfast.log({'a': 1})\n")
    assert read(tmp_path).replay.exit_code == 0


def test_no_socket_is_opened(tmp_path: Path) -> None:
    text = (
        "import sys\nseen = []\n"
        "sys.addaudithook(lambda name, args: seen.append((name, args)) "
        "if name.startswith('socket.') and name != 'socket.gethostname' else None)\n"
        "import holdfast, time\n"
        "run = holdfast.init(project='p', config={'lr': 1}, "
        "settings={'stats_interval': 0.05, 'summary_interval': 0.05})\n"
        "end = time.monotonic() + 1\n"
        "while time.monotonic() < end:\n    run.log({'a': 1})\n    time.sleep(0.05)\n"
        "run.finish()\nholdfast.login(key='k', host='https://lab.example')\n"
        "print(seen)\n"
    )
    done = script(tmp_path, text, HOLDFAST_CONFIG_DIR=str(tmp_path / "config"))
    assert done.stdout == "[]\n", done.stderr
    assert "stats" in read(tmp_path).kinds


def test_online_opens_no_socket_in_training_either(tmp_path: Path) -> None:
    text = (
        "import socket\n"
        "class Denied(socket.socket):\n"
        "    def __new__(cls, *a, **k): raise RuntimeError('a socket')\n"
        "socket.socket = Denied\n"
        "import holdfast\n"
        "run = holdfast.init(mode='online')\nrun.log({'a': 1})\n"
        "print(run.offline)\n"
    )
    done = script(tmp_path, text, HOLDFAST_BASE_URL="http://127.0.0.1:9")
    assert done.stdout == "False\n", done.stderr
    written = read(tmp_path)
    assert written.values("a") == [1]
    assert written.run_dir.path.name.startswith("run-")
    assert (written.run_dir.logs / "sync.log").exists()


def test_online_goes_on_offline_when_nothing_can_follow(tmp_path: Path) -> None:
    text = (
        "import sys\nsys.executable = '/nowhere/python'\nimport holdfast\n"
        "run = holdfast.init(mode='online')\nrun.log({'a': 1})\nprint(run.offline)\n"
    )
    done = script(tmp_path, text)
    assert done.stdout == "True\n"
    assert done.stderr.count("the sync process could not be started") == 1
    assert read(tmp_path).values("a") == [1]


@posix
def test_a_folder_that_is_gone_at_the_start(tmp_path: Path) -> None:
    text = (
        "import os, tempfile, holdfast\ngone = tempfile.mkdtemp()\nos.chdir(gone)\nos.rmdir(gone)\n"
        "try: holdfast.init()\nexcept holdfast.UsageError as error: print(error)\n"
        f"run = holdfast.init(dir={str(tmp_path)!r})\nrun.log({{'a': 1}})\n"
    )
    done = script(tmp_path, text)
    assert "the current folder does not exist any more; give dir=" in done.stdout
    assert read(tmp_path).values("a") == [1], done.stderr


@posix
def test_a_folder_that_is_gone_at_the_end(tmp_path: Path) -> None:
    text = BEGIN + (
        "import os, tempfile\ngone = tempfile.mkdtemp()\nos.chdir(gone)\nos.rmdir(gone)\n"
        "run.log({'a': 2})\nrun.finish()\nprint('done')\n"
    )
    done = script(tmp_path, text)
    assert done.stdout == "done\n", done.stderr
    assert read(tmp_path).values("a") == [1, 2]
    assert str(tmp_path) in done.stderr.splitlines()[-1]
