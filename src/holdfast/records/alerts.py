"""The alerts of a run: messages that its script has for people.

Owns how many of them are remembered. Must not know who shows them.
"""

from __future__ import annotations

from typing import Any

__all__ = ["remember"]

_MOST = 100
_MOST_TEXT = 2000  # characters; with each chunk of a journal all that is remembered is stored anew


def remember(alerts: list[list[str]], record: Any) -> None:
    """Add an ``alert`` record to the alerts of a journal, ``[title, text, level]`` each.

    The latest 100 are remembered, of a long text its beginning.
    """
    alerts.append([_cut(record.title), _cut(record.text), record.level[:20]])
    del alerts[:-_MOST]


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
