"""The API key for an address: found, or asked for on a terminal.

Owns the asking. Which key may go where is settled in `holdfast.settings.credentials`.
"""

from __future__ import annotations

import sys

from holdfast.errors import AuthError
from holdfast.settings import key_for, save_key

__all__ = ["ask_key", "find_key", "offer_to_keep"]


def find_key(base_url: str) -> tuple[str, bool]:
    """The key for this address, and whether it was asked for just now.

    Raises:
        AuthError: there is none, and nobody at a terminal to ask.
    """
    if key := key_for(base_url):
        return key.value, False
    if not sys.stdin.isatty():
        raise AuthError(
            f"no API key for {base_url}",
            f"run `holdfast login --host {base_url}`, or set HOLDFAST_API_KEY "
            f"and HOLDFAST_BASE_URL={base_url}",
        )
    return ask_key(base_url), True


def ask_key(base_url: str) -> str:
    """Ask for the key on the terminal, without showing it.

    Raises:
        AuthError: nothing was typed.
    """
    import getpass

    try:
        key = getpass.getpass(f"API key for {base_url}: ").strip()
    except EOFError:
        key = ""
    if not key:
        raise AuthError(f"no API key for {base_url} was given", "run `holdfast login`")
    return key


def offer_to_keep(base_url: str, key: str) -> None:
    """Ask whether to keep a key that worked."""
    print("Keep this key for next time? [Y/n] ", end="", file=sys.stderr, flush=True)
    # Not `input`: it may ask on standard output, which holds results only.
    answer = sys.stdin.readline()
    if answer and answer.strip().lower() in {"", "y", "yes"}:  # no line at all: its end was typed
        path = save_key(base_url, key)
        print(f"kept in {path}", file=sys.stderr)
