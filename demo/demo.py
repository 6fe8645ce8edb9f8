"""`make demo`: train offline, kill one run, sync, compare, and look at it in the browser.

Everything lies in ``demo-data/`` of the checkout, the keys too: the user's own settings are
neither read nor changed. On a terminal the dashboard is served until Ctrl-C; otherwise the demo
ends once the dashboard has answered.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "demo-data"
MODELS = ("linear", "network", "forest")
#: this one is killed once it has logged so many rows
KILLED, KILL_AFTER = "network", 40
PORT = 8080
READY_SECONDS = 60


def main() -> int:
    """Run the whole road; the exit code says whether every row arrived."""
    if DATA.exists():
        shutil.rmtree(DATA)
    (DATA / "truth").mkdir(parents=True)
    print("1. Three models train on scikit-learn's digits, with no network.\n")
    for model in MODELS:
        train(model)
    server = start_server()
    try:
        address = wait_for(DATA / "ready.json", server)
        print("\n3. Sync: each run is confirmed against what lies on disk.\n")
        synced = holdfast("sync", str(DATA / "wandb"), "--base-url", address["url"])
        print("\n4. Read back through the Python API, and compared with what was logged.\n")
        same = [compare(model, address["url"]) for model in MODELS]
        if synced != 0 or not all(same):
            print("\nNot all of it arrived. The folder demo-data/ has everything to look into.")
            return 1
        return show(address, server)
    finally:
        stop(server)


def train(model: str) -> None:
    """Train one model in a process of its own; kill the one that is to be killed."""
    truth = DATA / "truth" / f"{model}.jsonl"
    started = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "demo/train.py"), model, str(DATA)],
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    while child.poll() is None:
        if (
            model == KILLED
            and truth.exists()
            and len(truth.read_bytes().splitlines()) >= KILL_AFTER
        ):
            child.kill()
        time.sleep(0.01)
    rows = len(truth.read_bytes().splitlines())
    took = f"{rows} rows in {time.monotonic() - started:.1f} s"
    if child.wait() == -signal.SIGKILL and model == KILLED:
        print(f"   {model}: killed with SIGKILL after {took}")
    elif child.returncode == 0:
        print(f"   {model}: {took}")
    else:
        raise SystemExit(f"training {model} failed with exit code {child.returncode}")


def start_server() -> subprocess.Popen[bytes]:
    """Serve from ``demo-data/server`` on a loopback port."""
    print("\n2. A server starts: one process, SQLite and files.\n")
    command = ["serve", "--data", str(DATA / "server"), "--ready-file", str(DATA / "ready.json")]
    return subprocess.Popen(
        [sys.executable, "-m", "holdfast", *command, "--port", str(free_port())],
        env=environment(),
        stdout=(DATA / "server.log").open("wb"),
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is ours: the server is stopped when we are done
    )


def free_port() -> int:
    """The usual port if nobody has it, else any."""
    import socket

    for port in (PORT, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return 0


def wait_for(ready: Path, server: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the server says once it listens."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if ready.exists():
            said: dict[str, Any] = json.loads(ready.read_text())
            print(f"   {said['url']}")
            return said
        time.sleep(0.02)
    raise SystemExit(f"the server did not start; it said:\n{(DATA / 'server.log').read_text()}")


def holdfast(*arguments: str) -> int:
    """Run a command of ours as a user would."""
    print(f"   $ holdfast {' '.join(arguments).replace(str(ROOT) + os.sep, '')}")
    return subprocess.call([sys.executable, "-m", "holdfast", *arguments], env=environment())


def compare(model: str, url: str) -> bool:
    """Whether the server's rows of a run are those for which `log` returned."""
    os.environ.update(environment())
    from holdfast import Api

    logged = [json.loads(line) for line in (DATA / "truth" / f"{model}.jsonl").open()]
    [run] = [run for run in Api({"base_url": url}).runs("local/digits") if run.name == model]
    found = [{key: row[key] for key in logged[0]} for row in run.scan_history()]
    # A killed process may have logged one row that it could not tell of any more.
    same = found[: len(logged)] == logged and len(found) <= len(logged) + (model == KILLED)
    print(f"   {model}: {len(found)} rows, {run.state}, {'equal' if same else 'NOT EQUAL'}")
    return same


def show(address: dict[str, Any], server: subprocess.Popen[bytes]) -> int:
    """Serve until Ctrl-C on a terminal; else only check that the dashboard answers."""
    with urllib.request.urlopen(address["url"], timeout=30) as answer:
        page = answer.read().decode()
    if "<script" not in page:
        print("\nThe dashboard is not built: run `make web`.")
        return 1
    print(f"\n5. The dashboard: {address['login_url']}\n")
    if not sys.stdout.isatty():
        print("   It answers. Output is not a terminal, so the demo ends here.")
        return 0
    print("   Ctrl-C ends it.")
    try:
        server.wait()
    except KeyboardInterrupt:
        print()
    return 0


def stop(server: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, as a service manager would."""
    server.terminate()
    try:
        server.wait(timeout=15)
    except subprocess.TimeoutExpired:
        server.kill()


def environment() -> dict[str, str]:
    """This process's environment without the user's own tracking settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "HOLDFAST_"))}
    return {**kept, "HOLDFAST_CONFIG_DIR": str(DATA / "config")}


if __name__ == "__main__":
    sys.exit(main())
