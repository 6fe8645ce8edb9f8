"""SIGTERM and SIGUSR1: noted in the journal, and then what would have happened anyway."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from client.reading import Written, read, script

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

JOB = {"SLURM_JOB_ID": "17"}
POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
BEGIN = (
    "import holdfast, os, signal, sys, threading, time\n"
    "def begin():\n"
    "    run = holdfast.init(settings={'quiet': True, 'disable_git': True})\n"
    "    run.log({'a': 0})\n"
    "    return run\n"
    "def hit(number): os.kill(os.getpid(), number)\n"
)


def noted(tmp_path: Path) -> int:
    written: Written = read(tmp_path)
    assert written.gaps == []
    return written.kinds.count("preempting")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.parametrize("variables", [JOB, {"HOLDFAST_PREEMPTIBLE": "true"}, {"LSB_JOBID": "1"}])
def test_without_a_handler_it_ends_by_the_signal(
    tmp_path: Path, number: int, variables: dict[str, str]
) -> None:
    done = script(tmp_path, BEGIN + f"begin(); hit({int(number)})\nprint('on')\n", **variables)
    assert done.returncode == -number
    assert done.stdout == ""
    assert noted(tmp_path) == 1
    assert read(tmp_path).replay.preempting


@pytest.mark.parametrize("variables", [POD, {"AWS_BATCH_JOB_ID": "5"}, {"SKYPILOT_TASK_ID": "s"}])
def test_where_no_scheduler_warns_by_sigusr1_it_is_left_alone(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    text = (
        "before = signal.getsignal(10)\nbegin()\nassert signal.getsignal(10) is before\nhit(15)\n"
    )
    done = script(tmp_path, BEGIN + text, **variables)
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")
    assert noted(tmp_path) == 1


def told_by(folder: Path, instance_data: str | None) -> int:
    """How often a run notes the end of a machine of which cloud-init has put this down."""
    folder.mkdir(exist_ok=True)
    told = folder / "instance-data.json"
    if instance_data is not None:
        told.write_text(instance_data)
    where = f"from holdfast.client import borrowed\nborrowed._INSTANCE = {str(told)!r}\n"
    done = script(folder, BEGIN + where + "begin(); hit(15)\n")
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")
    return noted(folder)


@pytest.mark.parametrize(
    ("metadata", "known"),
    [
        ({"instance-life-cycle": "spot"}, 1),
        ({"instance_life_cycle": "spot"}, 1),
        ({"instance-life-cycle": "on-demand"}, 0),
        ({"imds": {"compute": {"priority": "Spot"}}}, 1),
        ({"imds": {"compute": {"priority": "Regular"}}}, 0),
        ({"imds": {"compute": None}}, 0),
        ([], 0),
    ],
)
def test_a_spot_machine_as_cloud_init_tells(tmp_path: Path, metadata: Any, known: int) -> None:
    assert told_by(tmp_path, json.dumps({"ds": {"meta_data": metadata}, "v1": {}})) == known


def test_what_cannot_be_read_of_a_machine_says_nothing(tmp_path: Path) -> None:
    assert told_by(tmp_path / "torn", '{"ds": {"meta') == 0
    assert told_by(tmp_path / "none", None) == 0


@pytest.mark.parametrize("variables", [JOB, POD])
def test_where_it_is_said_to_be_no_warning_it_is_none(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    done = script(tmp_path, BEGIN + "begin(); hit(15)\n", HOLDFAST_PREEMPTIBLE="false", **variables)
    assert done.returncode == -signal.SIGTERM
    assert noted(tmp_path) == 0


def test_outside_of_a_job_nothing_is_touched(tmp_path: Path) -> None:
    done = script(
        tmp_path,
        BEGIN + "before = signal.getsignal(15)\nbegin()\n"
        "assert signal.getsignal(15) is before\nhit(15)\n",
    )
    assert done.returncode == -signal.SIGTERM
    assert noted(tmp_path) == 0


def test_a_handler_from_before_is_called_and_the_script_goes_on(tmp_path: Path) -> None:
    text = BEGIN + (
        "signal.signal(10, lambda number, frame: print('heard', number, frame is not None))\n"
        "run = begin()\nhit(10)\nrun.log({'a': 1})\nhit(10)\nrun.log({'a': 2})\nrun.finish()\n"
        "hit(10)\nprint('done')\n"
    )
    done = script(tmp_path, text, **JOB)
    assert done.stdout == "heard 10 True\n" * 3 + "done\n"
    assert done.returncode == 0
    assert noted(tmp_path) == 2
    assert read(tmp_path).values("a") == [0, 1, 2]


def test_a_handler_that_exits_exits(tmp_path: Path) -> None:
    text = BEGIN + "signal.signal(15, lambda *_: sys.exit(3))\nbegin()\nhit(15)\nprint('on')\n"
    done = script(tmp_path, text, **JOB)
    assert (done.returncode, done.stdout) == (3, "")
    assert noted(tmp_path) == 1
    assert read(tmp_path).replay.exit_code == 3


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    text = BEGIN + (
        "signal.signal(15, signal.SIG_IGN)\nbegin()\nhit(15)\n"
        "print(signal.getsignal(15) == signal.SIG_IGN)\n"
    )
    assert script(tmp_path, text, **JOB).stdout == "True\n"
    assert noted(tmp_path) == 0


def test_a_later_handler_takes_over(tmp_path: Path) -> None:
    text = BEGIN + "begin()\nsignal.signal(15, lambda *_: print('mine'))\nhit(15)\n"
    done = script(tmp_path, text, **JOB)
    assert (done.returncode, done.stdout) == (0, "mine\n")
    assert noted(tmp_path) == 0


@pytest.mark.parametrize("number", [10, 15])
def test_a_later_handler_that_calls_the_one_before_it(tmp_path: Path, number: int) -> None:
    """As trainers do that end by themselves: the signal is theirs, and noted all the same."""
    text = BEGIN + (
        f"run = begin()\nfirst = signal.getsignal({number})\n"
        f"signal.signal({number}, lambda *said: (print('mine'), first(*said)))\n"
        f"hit({number})\nrun.log({{'a': 1}})\nrun.finish()\nprint('done')\n"
    )
    done = script(tmp_path, text, **JOB)
    assert (done.returncode, done.stdout, done.stderr) == (0, "mine\ndone\n", "")
    assert noted(tmp_path) == 1
    assert read(tmp_path).values("a") == [0, 1]


def test_a_handler_that_is_set_only_where_there_is_none(tmp_path: Path) -> None:
    """As Lightning's, by which it saves and has its job requeued: set before the first row."""
    text = BEGIN + (
        "run = holdfast.init(settings={'quiet': True, 'disable_git': True})\n"
        "assert signal.getsignal(10) is signal.SIG_DFL\n"
        "signal.signal(10, lambda *_: print('requeued'))\n"
        "run.log({'a': 0}); run.log(data={'a': 1}, step=1)\nhit(10)\nrun.log({'a': 2}, 2)\n"
        "assert run.log == run._recorder.log\n"
        "run.finish()\n"
    )
    done = script(tmp_path, text, **JOB)
    assert (done.returncode, done.stdout, done.stderr) == (0, "requeued\n", "")
    assert noted(tmp_path) == 1
    assert read(tmp_path).values("a") == [0, 1, 2]


def test_rows_of_another_thread_do_not_set_a_handler(tmp_path: Path) -> None:
    text = BEGIN + (
        "run = holdfast.init(settings={'quiet': True, 'disable_git': True})\n"
        "thread = threading.Thread(target=lambda: run.log({'a': 0}))\n"
        "thread.start(); thread.join()\n"
        "assert signal.getsignal(10) is signal.SIG_DFL\n"
        "run.log({'a': 1})\nhit(10)\n"
    )
    done = script(tmp_path, text, **JOB)
    assert (done.returncode, done.stderr) == (-signal.SIGUSR1, "")
    assert noted(tmp_path) == 1
    assert read(tmp_path).values("a") == [0, 1]


def test_another_thread_may_not_and_does_not(tmp_path: Path) -> None:
    text = BEGIN + (
        "thread = threading.Thread(target=begin); thread.start(); thread.join()\n"
        "print(signal.getsignal(15) == signal.SIG_DFL)\n"
    )
    assert script(tmp_path, text, **JOB).stdout == "True\n"


def test_the_child_of_a_fork_ends_without_a_word(tmp_path: Path) -> None:
    text = BEGIN + (
        "run = begin()\npid = os.fork()\n"
        "if pid == 0: hit(15); os._exit(0)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\nrun.log({'a': 1})\n"
    )
    assert script(tmp_path, text, **JOB).stdout == "-15\n"
    assert noted(tmp_path) == 0
    assert read(tmp_path).values("a") == [0, 1]


def test_in_the_middle_of_log(tmp_path: Path) -> None:
    """The signal comes while rows are written as fast as can be: no row is torn or doubled."""
    text = BEGIN + (
        "run = begin()\n"
        "threading.Timer(0.3, lambda: os.kill(os.getpid(), 15)).start()\n"
        "n = 0\n"
        "while True:\n    n += 1\n    run.log({'a': n, 'b': {'c': [n] * 20}})\n"
    )
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = script(folder, text, **JOB)
        assert done.returncode == -signal.SIGTERM
        assert noted(folder) == 1
        values = read(folder).values("a")
        assert values == list(range(len(values)))
        assert len(values) > 10
