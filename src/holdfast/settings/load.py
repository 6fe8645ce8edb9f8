"""Where values come from: arguments, ``HOLDFAST_*``, ``WANDB_*``, settings files, defaults.

Owns the order of precedence. Must not know what a setting means.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from holdfast.errors import UsageError
from holdfast.settings.table import Settings, table

__all__ = ["config_folder", "load", "state_folder", "wandb_cache_folder"]


def load(
    arguments: Mapping[str, Any] | Settings | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """All settings, each from the first place that gives it.

    Args:
        arguments: what the caller gave, by setting name or wandb's name for it; None is not given.
        environ: the environment; by default that of this process.

    Raises:
        UsageError: a value is not of its type; the message names the variable, file or argument.

    Example:
        >>> settings = load({"project": "digits"}, {"WANDB_MODE": "offline"})
        >>> settings.project, settings.source("mode")
        ('digits', 'WANDB_MODE')
    """
    env = os.environ if environ is None else environ
    given = arguments if isinstance(arguments, Settings) else Settings(**(arguments or {}))
    settings = Settings()
    _from_environment(settings, given, env)
    for path in _files(settings, env):
        _from_file(settings, path)
    _settle_disabled(settings)
    return settings


def config_folder(environ: Mapping[str, str] | None = None) -> str:
    """The folder of ``credentials`` and ``settings``: ``~/.config/holdfast`` unless told else."""
    env = os.environ if environ is None else environ
    if own := env.get("HOLDFAST_CONFIG_DIR"):
        return os.path.expanduser(own)
    base = env.get("XDG_CONFIG_HOME", "")
    # The XDG rule: a path that is not absolute is as good as none.
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".config")
    return os.path.join(base, "holdfast")


def state_folder(settings: Settings) -> str:
    """The folder of what processes note of themselves: ``~/.local/state/holdfast`` by default."""
    if settings.state_dir:
        return settings.state_dir
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(base, "holdfast")


def wandb_cache_folder(environ: Mapping[str, str] | None = None) -> str:
    """The folder in which wandb's own client keeps bytes of artifacts by their digests."""
    env = os.environ if environ is None else environ
    if own := env.get("WANDB_CACHE_DIR"):
        return own
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Caches/wandb")
    base = env.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "wandb")


def _from_environment(settings: Settings, given: Settings, env: Mapping[str, str]) -> None:
    for setting in table():
        name = setting.name
        if name in given.values:
            settings.values[name] = given.values[name]
            settings.sources[name] = given.sources[name]
            continue
        for variable in setting.environment:
            if value := env.get(variable):  # an empty variable is as good as none
                settings.put(name, value, variable)
                break


def _files(settings: Settings, env: Mapping[str, str]) -> list[str]:
    """Settings files that exist: beside the runs first, then the user's own."""
    folders = (settings.wandb_dir, settings.config_dir or config_folder(env))
    paths = [os.path.join(folder, "settings") for folder in folders]
    return [path for path in paths if os.path.isfile(path)]


def _from_file(settings: Settings, path: str) -> None:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"cannot read the settings file {path}: {reason}", "mend it") from None
    if not parser.has_section("default"):
        return
    for setting in table():
        for name in (setting.name, *setting.also):
            value = parser.get("default", name, fallback="")
            if value and setting.name not in settings.values:
                settings.put(setting.name, value, f"{name} in {path}")


def _settle_disabled(settings: Settings) -> None:
    """`disabled` is mode disabled, unless a place with more authority names a mode."""
    if settings.disabled and _rank(settings, "disabled") <= _rank(settings, "mode"):
        settings.put("mode", "disabled", settings.source("disabled"))


def _rank(settings: Settings, name: str) -> int:
    source = settings.source(name)
    starts = ("argument ", "setting ", "HOLDFAST_", "WANDB_")
    ranks = [rank for rank, start in enumerate(starts) if source.startswith(start)]
    return ranks[0] if ranks else 9 if source == "default" else 8
