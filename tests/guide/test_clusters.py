"""The page "Clusters without internet", tried: a login node, jobs, ranks, a relay, a service.

Here all machines are this one; each has a home of its own and reaches what its commands name.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from guide.new_user import NewUser, Page
from processes import Server
from waiting import until

from holdfast.errors import NotFoundError

TRAIN = """
import holdfast
with holdfast.init(project="digits") as run:
    for epoch in range(30):
        run.log({"loss": 1 / (1 + epoch)})
"""
LOSSES = [1 / (1 + epoch) for epoch in range(30)]
#: commands of the system's own, which are not there in a test; what they start is tried by itself
SYSTEMS = ("systemctl --user daemon-reload", "systemctl --user enable", "loginctl", "journalctl")


@pytest.fixture
def login(tmp_path: Path, server: Server) -> Iterator[NewUser]:
    """Somebody on the login node, with the filesystem that compute nodes share with it."""
    places = {
        "https://holdfast.example.org": server.url,
        "/scratch/": f"{tmp_path}/scratch/",
        "--host login1 --port 8081": "--host 127.0.0.1 --port 0",
        "--host login1": "--host 127.0.0.1 --port 0",
    }
    (tmp_path / "scratch" / "ada").mkdir(parents=True)
    with NewUser(tmp_path / "login", **places) as user:
        yield user


def losses(server: Server, run_id: str) -> list[float]:
    return [row["loss"] for row in server.api().run(f"local/digits/{run_id}").scan_history()]


def trains(user: NewUser, place: Path, script: str = TRAIN) -> None:
    """Save a script in a folder, and go there."""
    place.mkdir(parents=True, exist_ok=True)
    user.place = place
    user.writes("train.py", script)


def the_run(place: Path) -> str:
    """The id of the only run that was made in a folder."""
    [folder] = place.glob("wandb/offline-run-*")
    return folder.name.rpartition("-")[2]


def confirmed(user: NewUser, command: str) -> int:
    """How many folders `holdfast status --json` calls confirmed."""
    watchers = json.loads(user.types(command))["watchers"]
    return sum(one["states"].get("confirmed", 0) for one in watchers)


def is_confirmed(server: Server, run: str) -> bool:
    """Whether the server has a run, and can prove that it has all of it."""
    try:
        return bool(server.api().run(run).to_json()["proof"] == "confirmed")
    except NotFoundError:
        return False


def test_clusters(tmp_path: Path, server: Server, login: NewUser) -> None:
    page = Page("clusters")
    scratch = tmp_path / "scratch" / "ada"
    with NewUser(tmp_path / "node") as node:
        # On the login node
        login.types(page.next("holdfast login --host"), answers=f"{server.key}\n")
        watcher = login.begins(page.next("holdfast watch"))
        trains(node, scratch / "job1")
        node.types("python train.py")
        # What is pending?
        plain, folder, as_json = (page.next("holdfast status") for _ in range(3))
        until(lambda: confirmed(login, as_json) == 1, "the watcher confirms the run")
        assert losses(server, the_run(scratch / "job1")) == LOSSES
        for command in (plain, folder):
            assert "1 confirmed" in login.types(command)
        # In the job
        trains(login, login.home / "job2")
        login.variables["HOLDFAST_BASE_URL"] = server.url
        login.types(page.next("holdfast run --"))
        assert losses(server, the_run(login.home / "job2")) == LOSSES
        # All ranks in one run
        trains(node, scratch / "job3", f"import holdfast\nloss = shard = 0.5\n{page.script()}")
        node.variables["HOLDFAST_RUN_ID"] = "job3"
        for rank in range(2):
            node.variables["RANK"] = str(rank)
            node.types("python train.py")
        until(lambda: confirmed(login, as_json) == 3, "both folders are confirmed")
        rows = list(server.api().run("local/digits/job3").scan_history())
        assert [(row["_label"], row["shard"]) for row in rows] == [("rank_0", 0.5), ("rank_1", 0.5)]
        for name in ("HOLDFAST_RUN_ID", "RANK"):
            del node.variables[name]
        login.stops(watcher)
        through_the_relay(page, server, login, node)
        as_a_service(page, server, login, node, scratch)
    page.end()


def through_the_relay(page: Page, server: Server, login: NewUser, node: NewUser) -> None:
    login.types(page.next("holdfast login --host"), answers=f"{server.key}\n")
    relay = login.begins(page.next("holdfast relay --host"))
    until(lambda: "http://127.0.0.1" in login.said(relay), "the relay says where it is")
    [url] = set(re.findall(r"http://127\.0\.0\.1:\d+", login.said(relay))) - {server.url}
    node.places["http://login1:8081"] = url
    trains(node, node.home / "job4")
    node.types("python train.py")
    node.types(page.next("holdfast login --host"), answers=f"{server.key}\n")
    said = node.types(page.next("holdfast sync --base-url"))
    assert "confirmed" in said
    assert server.url in said, "the address of the run at the server"
    assert losses(server, the_run(node.home / "job4")) == LOSSES
    login.stops(relay)


def as_a_service(page: Page, server: Server, login: NewUser, node: NewUser, scratch: Path) -> None:
    """The commands that the system would start for them."""
    for systems in SYSTEMS:
        page.next(systems)
    program = login.home / ".local" / "bin" / "holdfast"
    program.parent.mkdir(parents=True)
    program.symlink_to(Path(sys.executable).with_name("holdfast"))
    units = [
        unit.replace("%h", "$HOME").replace("%u", "$USER") for unit in _said(page, "ExecStart")
    ]
    login.exports(f"export {_said(page, 'Environment')[0]}")
    runs = partial(_runs_arrive, server, login, node, scratch)
    for number, command in enumerate(_three_ways(page, units[0])):
        runs(command, f"service{number}", lambda _: None)
    assert (login.home / "holdfast-watch.log").read_text()
    node.variables["HOLDFAST_API_KEY"] = server.key  # the port is another each time here
    for number, command in enumerate(_three_ways(page, units[1])):
        log = login.home / "holdfast-relay.log" if number == 2 else None
        runs(command, f"relayed{number}", partial(_sync_through, login, node, log))


def _said(page: Page, name: str) -> list[str]:
    return re.findall(rf"{name}=(.*)", page.text)


def _three_ways(page: Page, unit: str) -> tuple[str, str, str]:
    """What systemd, tmux and cron start."""
    tmux = shlex.split(page.next("tmux new-session"))[-1]
    cron = page.next("@reboot ").removeprefix("@reboot ")
    return unit, tmux, f"env {cron}"


def _runs_arrive(
    server: Server,
    login: NewUser,
    node: NewUser,
    scratch: Path,
    command: str,
    name: str,
    sends: Callable[[subprocess.Popen[str]], None],
) -> None:
    """What a node trains arrives while a service runs, sent by the node or by the service."""
    service = login.begins(command)
    trains(node, scratch / name)
    node.types("python train.py")
    sends(service)
    run = f"local/digits/{the_run(scratch / name)}"
    until(lambda: is_confirmed(server, run), "the run is confirmed")
    assert [row["loss"] for row in server.api().run(run).scan_history()] == LOSSES
    login.stops(service)


def _sync_through(
    login: NewUser, node: NewUser, log: Path | None, relay: subprocess.Popen[str]
) -> None:
    def words() -> str:
        return log.read_text() if log is not None and log.exists() else login.said(relay)

    until(lambda: "relay at " in words(), "the relay says where it is")
    node.variables["HOLDFAST_BASE_URL"] = words().partition("relay at ")[2].partition(",")[0]
    assert "confirmed" in node.types("holdfast sync")
    del node.variables["HOLDFAST_BASE_URL"]
