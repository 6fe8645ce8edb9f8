"""What runs inside training: `init`, `Run`, config, summary, console, environment, system metrics.

Owns the client's side of a run. Must not know that a server exists: it writes a journal, and no
socket is opened in any mode.
"""

from __future__ import annotations

from holdfast.client.config import Config, ConfigError
from holdfast.client.login import login
from holdfast.client.run import Run
from holdfast.client.start import init
from holdfast.client.summary import Summary

__all__ = ["Config", "ConfigError", "Run", "Summary", "init", "login"]
