"""The run of this process, and the functions of `holdfast` that speak of it.

Owns which run is current. Must not know how one begins or ends.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from holdfast.errors import UsageError

if TYPE_CHECKING:
    from holdfast.client.config import Config
    from holdfast.client.run import Run
    from holdfast.client.summary import Summary

__all__ = ["clear", "config", "define_metric", "finish", "ipython", "log", "run", "summary"]

run: Run | None = None


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """Record values in the current run (see `Run.log`).

    Raises:
        UsageError: there is no run, or as `Run.log`.
    """
    if run is None:
        _missing("log")
    run.log(data, step, commit)


def define_metric(name: str, *arguments: Any, **options: Any) -> None:
    """Say how a metric is drawn and summed up in the current run (see `Run.define_metric`)."""
    if run is None:
        _missing("define_metric")
    run.define_metric(name, *arguments, **options)


def finish(exit_code: int | None = None, quiet: bool | None = None) -> None:
    """End the current run, if there is one (see `Run.finish`)."""
    if run is not None:
        run.finish(exit_code, quiet)


def config() -> Config:
    """The config of the current run."""
    if run is None:
        _missing("config")
    return run.config


def summary() -> Summary:
    """The summary of the current run."""
    if run is None:
        _missing("summary")
    return run.summary


def clear(ended: Run) -> None:
    """Forget a run that has ended."""
    global run
    if run is ended:
        run = None


def ipython() -> Any:
    """The IPython shell that this process runs in, None when it runs in none."""
    module = sys.modules.get("IPython")
    get = getattr(module, "get_ipython", None)
    return get() if get is not None else None


def _missing(name: str) -> NoReturn:
    raise UsageError(f"holdfast.{name} without a run", "call holdfast.init() first")
