"""API keys: where they are kept, and to which address each may go.

Owns the credentials file and the rule: a key goes only to the address it was configured with, or
to this machine. Must not know how keys are sent.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from holdfast.errors import DamagedError, StorageError, UsageError
from holdfast.settings import kinds
from holdfast.settings.load import config_folder
from holdfast.settings.table import Settings

__all__ = [
    "Key",
    "credentials_path",
    "forget_key",
    "is_loopback",
    "key_for",
    "origin_of",
    "save_key",
    "saved_origins",
]

_WANDB_ADDRESS = "https://api.wandb.ai"
_PORTS = {"http": 80, "https": 443}


class Key(NamedTuple):
    """An API key and where it came from: a variable, or the credentials file."""

    value: str
    source: str

    def __repr__(self) -> str:
        return f"Key(value='…', source={self.source!r})"


def key_for(base_url: str, environ: Mapping[str, str] | None = None) -> Key | None:
    """The key that may go to this address, None when there is none.

    ``HOLDFAST_API_KEY`` belongs to ``HOLDFAST_BASE_URL`` and ``WANDB_API_KEY`` to
    ``WANDB_BASE_URL`` (W&B's own address when that is unset); keys of the credentials file belong
    to the address they were saved for. Loopback addresses may have any of the two variables' keys.

    Raises:
        UsageError: ``base_url`` is not an http(s) address.
        DamagedError: the credentials file is not readable as what it should be.
    """
    env = os.environ if environ is None else environ
    origin = origin_of(base_url)
    local = is_loopback(base_url)
    own = env.get("HOLDFAST_API_KEY", "").strip()
    wandb = env.get("WANDB_API_KEY", "").strip()
    default = Settings.base_url.default
    if own and (local or origin == _configured(env, "HOLDFAST_BASE_URL", default)):
        return Key(own, "HOLDFAST_API_KEY")
    if wandb and origin == _configured(env, "WANDB_BASE_URL", _WANDB_ADDRESS):
        return Key(wandb, "WANDB_API_KEY")
    path = credentials_path(env)
    if saved := _read(path).get(origin):
        return Key(saved, path)
    # Last, since a key that was saved for a local server is worth more than one made for W&B.
    return Key(wandb, "WANDB_API_KEY") if wandb and local else None


def save_key(base_url: str, key: str, environ: Mapping[str, str] | None = None) -> str:
    """Keep a key for an address in the credentials file (mode 0600) and return the file's path.

    Raises:
        UsageError: the address or the key is not one.
        StorageError: the file cannot be written.
    """
    key = key.strip()
    if not key or not key.isascii() or any(not c.isprintable() or c == " " for c in key):
        raise UsageError("the API key is empty or has characters that no key has", "copy it again")
    path = credentials_path(environ)
    keys = _read(path)
    keys[origin_of(base_url)] = key
    _write(path, keys)
    return path


def forget_key(base_url: str, environ: Mapping[str, str] | None = None) -> bool:
    """Remove the key that was saved for an address; False when there was none."""
    path = credentials_path(environ)
    keys = _read(path)
    if keys.pop(origin_of(base_url), None) is None:
        return False
    _write(path, keys)
    return True


def origin_of(base_url: str) -> str:
    """Scheme, host and port of an address, in one spelling.

    >>> origin_of("HTTPS://Lab.example:443/holdfast/")
    'https://lab.example'

    Raises:
        UsageError: it is not an http(s) address, or has a user in it.
    """
    scheme, host, port = _split(base_url)
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port == _PORTS[scheme] else f":{port}")


def is_loopback(base_url: str) -> bool:
    """Whether an address can only be this machine: ``localhost``, ``127.x.x.x`` or ``::1``."""
    import ipaddress

    host = _split(base_url)[1]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(base_url: str) -> tuple[str, str, int]:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(kinds.url(base_url))
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError as error:
        reason = str(error) if str(error).startswith("which") else "which is not an address"
        raise UsageError(f"the server address is {base_url!r}, {reason}", "correct it") from None
    if not host:
        raise UsageError(f"the server address {base_url!r} names no host", "correct it")
    return scheme, host.rstrip("."), _PORTS[scheme] if port is None else port


def _configured(env: Mapping[str, str], variable: str, default: str) -> str:
    """The origin that a variable names; an unreadable one is nobody's address."""
    try:
        return origin_of(env.get(variable) or default)
    except UsageError:
        return ""  # `load` says what is wrong with it; here it only means: no key for anybody


def saved_origins(environ: Mapping[str, str] | None = None) -> list[str]:
    """The addresses for which a key is kept.

    Raises:
        DamagedError: the credentials file is not readable as what it should be.
    """
    return sorted(_read(credentials_path(environ)))


def credentials_path(environ: Mapping[str, str] | None = None) -> str:
    """Where keys are kept."""
    return os.path.join(config_folder(environ), "credentials")


def _read(path: str) -> dict[str, str]:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            keys = json.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StorageError(
            f"cannot read the credentials file {path}: {error.strerror}", "check its permissions"
        ) from None
    except ValueError:
        keys = None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise DamagedError(
            f"the credentials file {path} is not a JSON object of keys",
            "remove it and run `holdfast login`",
        )
    return keys


def _write(path: str, keys: Mapping[str, str]) -> None:
    import json

    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        # 0600 from the first byte: a key must not be readable for the blink of an eye either.
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(keys, file, indent=1, sort_keys=True)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"cannot write the credentials file {path}: {error.strerror}", "check the folder"
        ) from None
