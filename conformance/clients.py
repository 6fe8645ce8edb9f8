"""The wandb clients of the table: their versions, and what each needs beside it to run.

Owns which clients there are. Must not know scenarios.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tools.environments import own_version, python_with

__all__ = ["CLIENTS", "FRAMEWORKS", "NEWEST", "PYTHON", "Client"]

PYTHON = "3.11" if shutil.which("python3.11") else own_version()
"""One Python for all clients; where there is no 3.11, the one that runs this."""

_MEDIA = ("numpy<3", "pillow<14")
_OLD_MEDIA = ("numpy<3", "pillow<11")  # their masks name a mode that newer ones refuse


@dataclass(frozen=True)
class Client:
    """One version of wandb in an environment of its own.

    Attributes:
        version: as PyPI has it.
        beside: what is installed with it.
        name: of the environment.
    """

    version: str
    beside: tuple[str, ...] = _MEDIA
    name: str = "wandb"

    def python(self) -> Path:
        """Its interpreter; the environment is made if it is not there."""
        requirements = [f"wandb=={self.version}", *self.beside]
        return python_with(f"{self.name}-{self.version}", requirements, PYTHON)

    def before(self, version: str) -> bool:
        """Whether this client is older than ``version``."""
        return _parts(self.version) < _parts(version)

    def __str__(self) -> str:
        return self.version


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


CLIENTS = (
    Client("0.16.6", ("numpy<2", "pillow<11", "setuptools<81")),  # asks for np.float_
    Client("0.18.7", _OLD_MEDIA),
    Client("0.19.11", _OLD_MEDIA),
    Client("0.21.4", _OLD_MEDIA),
    Client("0.22.3", _OLD_MEDIA),
    Client("0.24.2"),
    Client("0.28.2"),
    Client("0.31.0"),
)
NEWEST = CLIENTS[-1]
FRAMEWORKS = Client(
    "0.31.0",
    (
        "torch==2.13.0",
        "transformers==5.18.0",
        "accelerate==1.15.0",
        "pytorch-lightning==2.6.6",
        "keras==3.15.1",
        "tensorflow-cpu==2.21.0",  # wandb's callbacks for Keras import it
        "xgboost-cpu==3.2.0",
        "lightgbm==4.7.0",
        "scikit-learn<2",
        "pandas<4",
        "matplotlib<4",
        *_MEDIA,
    ),
    "frameworks",
)
"""The newest client beside the frameworks that bring an integration with it."""
