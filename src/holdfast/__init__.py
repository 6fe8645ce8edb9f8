"""Holdfast: an offline-first experiment tracker. ``import holdfast as wandb`` works too.

The public names, and nothing else. Half of what training needs is loaded here and half by the first
`init`, so that neither takes long; `Api` is loaded when it is first used.

Example:
    >>> import holdfast                                     # doctest: +SKIP
    >>> run = holdfast.init(project="digits")               # doctest: +SKIP
    >>> run.log({"loss": 0.3})                              # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.client import Config, Run, Summary
from holdfast.client import current as _current
from holdfast.client.current import define_metric, finish, log
from holdfast.errors import HoldfastError, UsageError
from holdfast.settings import Settings

if TYPE_CHECKING:
    from holdfast.client import init, login
    from holdfast.remote import Api

    config: Config
    run: Run | None
    summary: Summary

__version__ = "0.1.0"

__all__ = [
    "Api",
    "Config",
    "Error",
    "HoldfastError",
    "Run",
    "Settings",
    "Summary",
    "UsageError",
    "config",
    "define_metric",
    "finish",
    "init",
    "log",
    "login",
    "run",
    "summary",
]

Error = HoldfastError


def __getattr__(name: str) -> Any:
    # Asked for anew each time: they are those of the run that this process has now.
    if name == "run":
        return _current.run
    if name == "config":
        return _current.config()
    if name == "summary":
        return _current.summary()
    if name in ("init", "login"):
        from holdfast import client

        return globals().setdefault(name, getattr(client, name))
    if name == "Api":
        from holdfast.remote import Api

        return Api
    if name.startswith("_"):
        raise AttributeError(name)
    raise AttributeError(
        f"holdfast has no {name!r} yet; init, log, config, summary, define_metric, finish, login "
        "and Api work, and metrics of any kind are logged"
    )
