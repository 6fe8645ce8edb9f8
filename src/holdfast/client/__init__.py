"""What runs inside training: `init`, `Run`, config, summary, console, environment, system metrics.

Owns the client's side of a run. Must not know that a server exists: it writes a journal, and no
socket is opened in any mode. What only `init` needs is loaded by the first `init`, so that neither
it nor the import is felt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.client.config import Config, ConfigError
from holdfast.client.run import Run
from holdfast.client.summary import Summary

if TYPE_CHECKING:
    from holdfast.client.login import login
    from holdfast.client.start import init

__all__ = ["Config", "ConfigError", "Run", "Summary", "init", "login"]


def __getattr__(name: str) -> Any:
    if name == "init":
        from holdfast.client.start import init

        return init
    if name == "login":
        from holdfast.client.login import login

        return login
    raise AttributeError(name)
