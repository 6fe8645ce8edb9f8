"""The read-side client: `holdfast.Api`, W&B's public API under the same names.

Owns how what a server knows is asked for and shown as Python values. Must not know how the
server stores it, nor how it got there.
"""

from __future__ import annotations

from holdfast.remote.api import Api
from holdfast.remote.files import File, Files
from holdfast.remote.projects import Project
from holdfast.remote.runs import ConsoleLine, Run, Runs

__all__ = ["Api", "ConsoleLine", "File", "Files", "Project", "Run", "Runs"]
