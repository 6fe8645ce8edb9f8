"""Settings: one table of names, types, defaults and environment names; and credentials.

Owns what can be set, where a value may come from, and which key may go to which address. Must not
know who uses a setting.
"""

from __future__ import annotations

from holdfast.settings.credentials import Key, forget_key, key_for, origin_of, save_key
from holdfast.settings.load import load
from holdfast.settings.table import Setting, Settings, table

__all__ = [
    "Key",
    "Setting",
    "Settings",
    "forget_key",
    "key_for",
    "load",
    "origin_of",
    "save_key",
    "table",
]
