"""Reading `files/config.yaml`: the part of YAML that W&B's clients and ours write.

That is mappings and lists in blocks, or in flow on one line, with plain and quoted scalars on one
line, and literal blocks. A key whose value uses anything else is left out and named. Must not know
what a config is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["read_config"]

_TEXT = r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'"""
_KEY = re.compile(rf"({_TEXT}|[^\s\"'\[\]{{}}#&*!|>%@`,-][^#]*?|-[^\s#][^#]*?):(?:\s+(.*)|$)")
_PIECE = re.compile(
    rf"\s*({_TEXT}|[\[\]{{}},]|:(?=\s|$)|[^\[\]{{}},\s\"':]+(?:[ :][^\[\]{{}},\s:]+)*)"
)
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"(\.[0-9]+|[-+]?[0-9]+\.[0-9]*)([eE][-+][0-9]+)?")
_SHORT_FLOAT = re.compile(r"-?[0-9]+e[-+][0-9]{2,}")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null"), None),
    "true": True,
    "false": False,
    ".nan": float("nan"),
    ".inf": float("inf"),
    "-.inf": float("-inf"),
}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")
_ESCAPES = {
    "0": "\0",
    "a": "\a",
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "v": "\v",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    " ": " ",
    '"': '"',
    "/": "/",
    "\\": "\\",
    "N": "\x85",
    "_": "\xa0",
    "L": "\u2028",
    "P": "\u2029",
}
_DASH = re.compile(r"-( |$)")


class _Short(str):
    """A number as clients since 0.18 write it (``1e-05``), and a text as those before do."""


_Line = tuple[int, str]
"""Indentation and what follows it."""


def read_config(text: str) -> tuple[dict[str, Any], list[str]]:
    r"""The config in the text of a `config.yaml`, and the keys whose values cannot be read.

    Each top-level key has its value under ``value``; what has none is no part of the config.

    Example:
        >>> read_config("lr:\n    desc: null\n    value: 0.1\n")
        ({'lr': 0.1}, [])
    """
    config: dict[str, Any] = {}
    unread: list[str] = []
    for lines in _parts(text):
        name = lines[0][1]
        try:
            whole, _ = _block(lines, 0)
            ((name, entry),) = whole.items()
        except (ValueError, AttributeError, RecursionError):
            unread.append(name.rstrip(":"))
            continue
        if isinstance(entry, dict) and "value" in entry:
            # Only clients before 0.18 write a ``desc`` beside it.
            config[name] = _settled(entry["value"], float if "desc" not in entry else str)
    return config, unread


def _settled(value: Any, short: Callable[[str], Any]) -> Any:
    """The value with what was written in short as what its writer means by that."""
    if isinstance(value, dict):
        return {key: _settled(inner, short) for key, inner in value.items()}
    if isinstance(value, list):
        return [_settled(inner, short) for inner in value]
    return short(value) if isinstance(value, _Short) else value


def _parts(text: str) -> list[list[_Line]]:
    """The lines of each top-level key."""
    parts: list[list[_Line]] = []
    for raw in text.split("\n"):
        body = raw.strip(" \r")
        indent = len(raw) - len(raw.lstrip(" "))
        if not indent and (not body or body[0] == "#" or body in ("---", "...", "{}")):
            continue
        if not indent and not _DASH.match(body):
            parts.append([])
        if parts:
            parts[-1].append((indent, raw.strip("\r")[indent:]))
    return parts


def _block(lines: list[_Line], at: int) -> tuple[Any, int]:
    """The value that begins in line ``at``, and the line after it."""
    indent, body = lines[at]
    if _DASH.match(body):
        return _list(lines, at, indent)
    if _KEY.match(body):
        return _mapping(lines, at, indent)
    return _inline(body), at + 1


def _list(lines: list[_Line], at: int, indent: int) -> tuple[list[Any], int]:
    found = []
    while at < len(lines) and lines[at][0] == indent and _DASH.match(lines[at][1]):
        rest = lines[at][1][1:].lstrip(" ")
        if rest:
            inner = indent + len(lines[at][1]) - len(rest)
            lines[at] = (inner, rest)  # what stands behind the dash begins a block of its own
            value, at = _block(lines, at)
        else:
            value, at = _below(lines, at + 1, indent + 1)
        found.append(value)
    return found, at


def _mapping(lines: list[_Line], at: int, indent: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    while at < len(lines) and lines[at][0] == indent and (key := _KEY.fullmatch(lines[at][1])):
        rest = (key[2] or "").strip(" ")
        if rest in ("|", "|-", "|+"):
            value, at = _literal(lines, at + 1, indent, rest)
        elif rest:
            value, at = _inline(rest), at + 1
        else:
            dashed = at + 1 < len(lines) and _DASH.match(lines[at + 1][1])
            value, at = _below(lines, at + 1, indent if dashed else indent + 1)
        found[str(_scalar(key[1]) if key[1][0] in "\"'" else key[1])] = value
    if at < len(lines) and lines[at][0] > indent:
        raise ValueError("a value of several lines")
    return found, at


def _below(lines: list[_Line], at: int, least: int) -> tuple[Any, int]:
    """The block from line ``at`` on if it is indented enough; else nothing."""
    if at < len(lines) and lines[at][0] >= least and lines[at][1]:
        return _block(lines, at)
    return None, at


def _literal(lines: list[_Line], at: int, outer: int, style: str) -> tuple[str, int]:
    begin = at
    while at < len(lines) and (lines[at][0] > outer or not lines[at][1]):
        at += 1
    inner = min((indent for indent, body in lines[begin:at] if body), default=0)
    text = "\n".join(" " * max(indent - inner, 0) + body for indent, body in lines[begin:at])
    return (text if style == "|+" else text.rstrip("\n")) + ("" if style == "|-" else "\n"), at


def _inline(text: str) -> Any:
    """A value that stands on one line."""
    if text[0] not in "[{":
        return _scalar(text)
    pieces = _PIECE.findall(text)
    if "".join(pieces).replace(" ", "") != text.replace(" ", ""):
        raise ValueError(text)
    value, at = _flow(pieces, 0)
    if at != len(pieces):
        raise ValueError(text)
    return value


def _flow(pieces: list[str], at: int) -> tuple[Any, int]:
    opening = pieces[at]
    if opening not in ("[", "{"):
        return _scalar(opening), at + 1
    found: list[Any] = []
    closing = "]" if opening == "[" else "}"
    at += 1
    while pieces[at] != closing:
        value, at = _flow(pieces, at)
        if opening == "{":
            if pieces[at] != ":":
                raise ValueError(pieces[at])
            inner, at = _flow(pieces, at + 1)
            value = (str(value), inner)
        found.append(value)
        if pieces[at] == ",":
            at += 1
    return (dict(found) if opening == "{" else found), at + 1


def _scalar(text: str) -> Any:
    if text[0] == '"' and len(text) > 1 and text[-1] == '"':
        return _ESCAPE.sub(_unescaped, text[1:-1])
    if text[0] == "'" and len(text) > 1 and text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if text[0] in "\"'&*!|>%@`[]{}," or " #" in text:
        raise ValueError(text)
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    if _SHORT_FLOAT.fullmatch(text):
        return _Short(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _unescaped(found: re.Match[str]) -> str:
    word = found[1]
    return chr(int(word[1:], 16)) if len(word) > 1 else _ESCAPES[word]
