"""Schedulers: what is known of the job, and that a requeued one goes on with its own run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from client.reading import read, script

from holdfast.client.jobs import job_of
from holdfast.rundir import discover, runs_with_id

SLURM = {
    "SLURM_JOB_ID": "17",
    "SLURM_ARRAY_TASK_ID": "3",
    "SLURM_RESTART_COUNT": "2",
    "SLURM_JOB_NODELIST": "n[1-4]",
    "SLURM_PROCID": "0",
}


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            SLURM,
            {"scheduler": "slurm", "id": "17", "array_index": "3", "restarts": "2"}
            | {"nodes": "n[1-4]"},
        ),
        (
            {"PBS_JOBID": "9[1].head", "PBS_ARRAY_INDEX": "1", "PBS_NODEFILE": "nodes"},
            {"scheduler": "pbs", "id": "9[1].head", "array_index": "1", "nodes": "a b"},
        ),
        ({"PBS_JOBID": "9", "PBS_NODEFILE": "none"}, {"scheduler": "pbs", "id": "9"}),
        (
            {"LSB_JOBID": "5", "LSB_JOBINDEX": "2", "LSB_RESTART": "Y", "LSB_HOSTS": "a a b"},
            {"scheduler": "lsf", "id": "5", "array_index": "2", "restarts": "1", "nodes": "a b"},
        ),
        ({"LSB_JOBID": "5", "LSB_JOBINDEX": "0"}, {"scheduler": "lsf", "id": "5"}),
        ({"_CONDOR_JOB_AD": ".job.ad"}, {"scheduler": "htcondor", "id": "17.3"}),
        (
            {"AWS_BATCH_JOB_ID": "ab-1#2", "AWS_BATCH_JOB_ATTEMPT": "3"},
            {"scheduler": "aws-batch", "id": "ab-1", "restarts": "2"},
        ),
        (
            {"AWS_BATCH_JOB_ID": "ab:4", "AWS_BATCH_JOB_ATTEMPT": "1"}
            | {"AWS_BATCH_JOB_ARRAY_INDEX": "4"},
            {"scheduler": "aws-batch", "id": "ab:4", "array_index": "4"},
        ),
        (
            {"SKYPILOT_TASK_ID": "sky-managed-1", "SKYPILOT_NODE_IPS": "10.0.0.1\n10.0.0.2"},
            {"scheduler": "skypilot", "id": "sky-managed-1", "nodes": "10.0.0.1 10.0.0.2"},
        ),
        (
            {"TRAINING_JOB_NAME": "cat", "TRAINING_JOB_ARN": "arn:aws:sagemaker:x"},
            {"scheduler": "sagemaker", "id": "cat"},
        ),
        ({"CLOUD_ML_JOB_ID": "81"}, {"scheduler": "vertex-ai", "id": "81"}),
        (
            {"JOB_COMPLETION_INDEX": "2", "HOSTNAME": "train-cat-2"},
            {"scheduler": "kubernetes", "id": "train-cat", "array_index": "2"},
        ),
    ],
    ids=lambda value: next(iter(value)) if "scheduler" not in value else value["scheduler"],
)
def test_the_job_stands_in_journal_and_metadata(
    tmp_path: Path, variables: dict[str, str], told: dict[str, str]
) -> None:
    (tmp_path / "nodes").write_text("a\na\nb\n")
    (tmp_path / ".job.ad").write_text('Cmd = "train.sh"\nClusterId = 17\nProcId = 3\n')
    script(tmp_path, "import holdfast\nholdfast.init()\n", **variables)
    written = read(tmp_path)
    assert written.replay.metadata["job"] == told
    metadata = json.loads((written.run_dir.files / "wandb-metadata.json").read_text())
    assert metadata["job"] == told


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"TRAINING_JOB_NAME": "mine"},
        {"_CONDOR_JOB_AD": "gone"},
        {"JOB_COMPLETION_INDEX": "2", "HOSTNAME": "node-of-the-cluster"},
        {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "train-5xk2p"},
    ],
)
def test_no_job(variables: dict[str, str]) -> None:
    assert job_of(variables) is None


def test_processes_of_one_job_and_tasks_of_an_array() -> None:
    """What they agree on in mode shared, and what each calls its own note."""
    pods = [{"JOB_COMPLETION_INDEX": n, "HOSTNAME": f"train-{n}"} for n in "01"]
    nodes = [{"AWS_BATCH_JOB_ID": f"5#{n}", "AWS_BATCH_JOB_NODE_INDEX": n} for n in "01"]
    tasks = [{"LSB_JOBID": "5", "LSB_JOBINDEX": n} for n in "12"]
    found = [[job for each in group if (job := job_of(each))] for group in (pods, nodes, tasks)]
    assert [len({job.run_id for job in jobs}) for jobs in found] == [1, 1, 2]
    assert [len({job.key for job in jobs}) for jobs in found] == [2, 2, 2]


def test_keys_are_names_of_files() -> None:
    odd = job_of({"PBS_JOBID": "../../9[1].head\n"})
    assert odd is not None
    assert odd.key == "pbs-.._.._9_1_.head_"


TRAIN = (
    "import holdfast, os, sys, time\n"
    "run = holdfast.init(settings={'quiet': True, 'disable_git': True})\n"
    "told = os.path.join(run.dir, 'wandb-metadata.json')\n"
    "while not os.path.exists(told): time.sleep(0.01)\n"
    "for step in range(run.step, run.step + 5): run.log({'loss': step})\n"
    "print(run.id, run.resumed, run.step)\n"
    "if sys.argv[1:] != ['well'] and os.environ.get('END') != 'well': os._exit(9)\n"
)


def trained(folder: Path, **variables: str) -> tuple[str, str, str]:
    done = script(folder, TRAIN, HOLDFAST_RESUME="auto", **variables)
    run_id, resumed, step = done.stdout.split()
    return run_id, resumed, step


def test_a_requeued_job_goes_on_with_its_run(tmp_path: Path) -> None:
    """Two tasks of an array in one folder, both killed; each finds its own run again."""
    first = trained(tmp_path, SLURM_JOB_ID="18")
    second = trained(tmp_path, SLURM_JOB_ID="19")
    assert first[0] != second[0]
    assert trained(tmp_path, SLURM_JOB_ID="18", END="well") == (first[0], "True", "10")
    assert trained(tmp_path, SLURM_JOB_ID="19") == (second[0], "True", "10")
    again = trained(tmp_path, SLURM_JOB_ID="18")
    assert again[0] != first[0]
    assert again[1:] == ("False", "5")
    specs = sorted(path.name for path in (tmp_path / "wandb").glob("job-*"))
    assert specs == ["job-slurm-18.spec", "job-slurm-19.spec"]


def restarts(folder: Path, run_id: str) -> list[str]:
    """What the sessions of a run say, in order."""
    found = [read(run).replay.metadata["job"] for run in runs_with_id(folder / "wandb", run_id)]
    return [job.get("restarts", "") for job in found]


@pytest.mark.parametrize(
    ("first", "again", "told"),
    [
        ({"PBS_JOBID": "9.head"}, {}, ["", "1", "2"]),
        ({"SKYPILOT_TASK_ID": "sky-1"}, {}, ["", "1", "2"]),
        ({"AWS_BATCH_JOB_ID": "5"}, {"AWS_BATCH_JOB_ATTEMPT": "4"}, ["", "3", "3"]),
        ({"LSB_JOBID": "5"}, {"LSB_RESTART": "Y"}, ["", "1", "2"]),
        ({"LSB_JOBID": "5", "LSB_RESTART": "N"}, {}, ["", "", ""]),
        ({"SLURM_JOB_ID": "18"}, {"SLURM_RESTART_COUNT": "7"}, ["", "7", "7"]),
    ],
    ids=[
        "pbs",
        "skypilot",
        "aws batch counts",
        "lsf",
        "lsf that was not restarted",
        "slurm counts",
    ],
)
def test_restarts_are_counted_where_the_scheduler_does_not(
    tmp_path: Path, first: dict[str, str], again: dict[str, str], told: list[str]
) -> None:
    run_id = trained(tmp_path, **first)[0]
    for _ in range(2):
        assert trained(tmp_path, **first, **again)[0] == run_id
    assert restarts(tmp_path, run_id) == told


def test_sessions_of_another_job_are_not_restarts(tmp_path: Path) -> None:
    """A chain of jobs, each with an id of its own, that write one run."""
    for number in ("9", "10", "10"):
        trained(tmp_path, PBS_JOBID=number, HOLDFAST_RUN_ID="chain")
    assert restarts(tmp_path, "chain") == ["", "", "1"]


def test_restarts_of_each_rank(tmp_path: Path) -> None:
    for _ in range(2):
        for rank in ("0", "1"):
            trained(tmp_path, PBS_JOBID="9", RANK=rank, HOLDFAST_MODE="shared")
    for rank in ("0", "1"):
        found = runs_with_id(tmp_path / "wandb", "pbs-9", f"rank_{rank}")
        assert [read(run).replay.metadata["job"].get("restarts") for run in found] == [None, "1"]


def test_a_run_that_finished_leaves_no_note(tmp_path: Path) -> None:
    trained(tmp_path, SLURM_JOB_ID="18", END="well")
    assert not list((tmp_path / "wandb").glob("job-*"))
    script(tmp_path, TRAIN, SLURM_JOB_ID="18")
    assert not list((tmp_path / "wandb").glob("job-*"))  # only where it is asked for


def test_another_process_of_the_job_is_not_resumed(tmp_path: Path) -> None:
    text = (
        "import holdfast, subprocess, sys, os\n"
        "run = holdfast.init(settings={'quiet': True})\n"
        "run.log({'a': 1})\n"
        "again = [sys.executable, sys.argv[0], 'inner']\n"
        "if len(sys.argv) == 1: subprocess.run(again, check=True)\n"
        "print(run.id, run.resumed)\n"
    )
    done = script(tmp_path, text, HOLDFAST_RESUME="auto", LSB_JOBID="4")
    inner, outer = (line.split() for line in done.stdout.splitlines())
    assert (inner[1], outer[1]) == ("False", "False")
    assert inner[0] != outer[0]
    assert len(list(discover(tmp_path))) == 2
