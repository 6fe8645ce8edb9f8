"""Real processes for tests: a server of its own, and the command line as a user calls it.

    with Server(tmp_path / "server") as server:
        done = holdfast_command("sync", str(folder), server=server)
        run = server.api().run("local/digits/4k2j9x0a")

Keys lie in the server's folder (HOLDFAST_CONFIG_DIR), so the user's own are neither read nor
changed, and tests that run side by side do not meet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import holdfast

__all__ = ["Server", "environment", "holdfast_command"]

_READY_SECONDS = 60


def environment(config: Path) -> dict[str, str]:
    """This process's environment with no tracking settings but the folder of keys."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "HOLDFAST_"))}
    return {**kept, "HOLDFAST_CONFIG_DIR": str(config)}


class Server:
    """`holdfast serve` on a free loopback port, with its data below ``folder``.

    Leaving the context asks it to end; `kill` ends it as a power cut would, `start` again goes
    on with the same data on the same port.

    Args:
        folder: of its data, its keys and its log.
        program: what runs the command line, for a server that is made differently.
    """

    def __init__(self, folder: Path, *, program: Sequence[str] = ("-m", "holdfast")) -> None:
        self.folder = folder
        self._program = program
        self.config = folder / "config"
        self.url = ""
        self.login_url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        port = self.url.rpartition(":")[2] or "0"
        data = ["--data", str(self.folder / "data"), "--ready-file", str(ready)]
        log = self.folder / "server.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *self._program, "serve", "--port", port, *data],
                env=environment(self.config),
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.01)
        said = json.loads(ready.read_text())
        self.url, self.login_url = said["url"], said["login_url"]

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    @property
    def key(self) -> str:
        """The key that the first start saved for its user."""
        keys: dict[str, str] = json.loads((self.config / "credentials").read_text())
        return keys[self.url]

    def api(self) -> Any:
        """A read-side client with that key."""
        return holdfast.Api({"base_url": self.url}, api_key=self.key)


def holdfast_command(
    *arguments: str, server: Server, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``holdfast ARGUMENTS`` against a server, as a user on its machine would."""
    return subprocess.run(
        [sys.executable, "-m", "holdfast", *arguments],
        env={**environment(server.config), "HOLDFAST_BASE_URL": server.url},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
