"""The API key: is there one for this address, where was it read from, can it be one.

Whether the server takes it, `network` finds out. Shows no key. Must not know how keys are sent.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from holdfast.errors import HoldfastError
from holdfast.settings.credentials import Key, credentials_path, key_for, origin_of, saved_origins
from holdfast.sync.doctor.finding import Finding, of_error

__all__ = ["look_at_key"]

_SUBJECT = "key"
_SHORTEST = 20
_VARIABLES = ("HOLDFAST_API_KEY", "WANDB_API_KEY")


def look_at_key(base_url: str, environ: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """What there is to say of the key for an address."""
    env = os.environ if environ is None else environ
    try:
        key = key_for(base_url, env)
        origins = saved_origins(env)
        origin = origin_of(base_url)
    except HoldfastError as error:
        yield of_error(_SUBJECT, "the key cannot be looked up", error)
        return
    if key is None:
        yield _missing(origin, origins, env)
    else:
        yield _shape(key, origin)
    yield from _rights(Path(credentials_path(env)))


def _missing(origin: str, origins: list[str], env: Mapping[str, str]) -> Finding:
    elsewhere = [f"{name} is set, but not for this address" for name in _VARIABLES if env.get(name)]
    if origins:
        elsewhere.append(f"keys are kept for {', '.join(origins)}")
    return Finding(
        _SUBJECT,
        "error",
        f"no API key for {origin}",
        "; ".join(elsewhere) or "neither in the environment nor in the credentials file",
        f"run `holdfast login --host {origin}`, or set HOLDFAST_API_KEY and "
        f"HOLDFAST_BASE_URL={origin}",
    )


def _shape(key: Key, origin: str) -> Finding:
    value, evidence = key.value, f"read from {key.source}, {len(key.value)} characters"
    if not value.isascii() or not value.isprintable() or " " in value:
        what = "the API key has characters that no key has"
        return Finding(_SUBJECT, "error", what, evidence, "copy it again, then `holdfast login`")
    if len(value) < _SHORTEST:
        what = "the API key is shorter than any key of a server"
        return Finding(_SUBJECT, "warning", what, evidence, "copy it whole, then `holdfast login`")
    return Finding(_SUBJECT, "ok", f"there is a key for {origin}", evidence)


def _rights(path: Path) -> Iterator[Finding]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return  # no file, nothing to protect
    if os.name == "posix" and mode & 0o077:

        def fix() -> str:
            path.chmod(0o600)
            return f"{path} is yours alone now"

        yield Finding(
            _SUBJECT,
            "warning",
            "others may read the credentials file",
            f"{path} has the rights {mode:03o}",
            f"chmod 600 {path}",
            path,
            fix,
        )
