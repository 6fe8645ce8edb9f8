"""What a server is told: where it listens, where its data lie, and the limits at its edge.

Owns the defaults and their checks. Must not know what is done with them.
"""

from __future__ import annotations

import functools
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from holdfast.errors import UsageError

__all__ = [
    "DEFAULT_HOST",
    "DEFAULT_PORT",
    "LOCAL_USER",
    "Limits",
    "ServerSettings",
    "default_data_folder",
    "is_loopback",
    "server_version",
]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080

LOCAL_USER = "local"
"""The user that the first start makes, for the one person who works on this machine."""

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """How much one request may bring, in bytes.

    Args:
        chunk_bytes: a chunk of a journal after decompression.
        part_bytes: a part of a blob, or a list of files with the bytes of small ones.
        json_bytes: any JSON body.
    """

    chunk_bytes: int = 256 * _MIB
    part_bytes: int = 8 * _MIB
    json_bytes: int = 16 * _MIB


@dataclass(frozen=True)
class ServerSettings:
    """One server's settings.

    Args:
        host: the address to listen on, a name or an IP address.
        port: the port to listen on; 0 takes a free one.
        data: the data folder.
        limits: what one request may bring.
        flush_seconds: how often the background work looks for histories that wait for segments.

    Raises:
        UsageError: the port is no port.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    data: Path = field(default_factory=lambda: default_data_folder())
    limits: Limits = field(default_factory=Limits)
    flush_seconds: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"{self.port} is not a port", "give 0 to 65535 (0 takes a free one)")

    @property
    def database_url(self) -> str:
        """Where the metastore lies, as SQLAlchemy names it."""
        return f"sqlite:///{self.data / 'holdfast.db'}"

    @property
    def on_loopback(self) -> bool:
        """True when only this machine can reach the server."""
        return is_loopback(self.host)


def default_data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_DATA_HOME/holdfast``, by default ``~/.local/share/holdfast``."""
    base = environ.get("XDG_DATA_HOME", "")
    # The XDG rule: a path that is not absolute is as good as none.
    root = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "share"
    return root / "holdfast"


def is_loopback(host: str) -> bool:
    """True for ``localhost``, names below it, ``127.0.0.0/8`` and ``::1``.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@functools.cache
def server_version() -> str:
    """The version of the installed package, ``"0"`` in a tree that is not installed."""
    try:
        return metadata.version("holdfast")
    except metadata.PackageNotFoundError:
        return "0"
