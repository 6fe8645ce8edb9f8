"""The small files of a run's `files` folder: replaced whole, or not at all.

Owns where they are written, and the text of `config.yaml` and `wandb-summary.json`. Must not know
where the values come from.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from holdfast.rundir import read_ignored, replace_text

__all__ = ["config_yaml", "ignore_file", "replace_file", "summary_json"]


def ignore_file(globs: Iterable[str]) -> str:
    """The text of the run's ignore file: the setting's globs, and those beside the script.

    Raises:
        OSError: there is a file beside the script, and it cannot be read.
    """
    lines = dict.fromkeys([*globs, *read_ignored(Path())])
    return "".join(f"{line}\n" for line in lines)


def replace_file(files: Path, name: str, text: str) -> None:
    """Write a file of a run's folder `files` so that readers see the old or the new one.

    Raises:
        OSError: the disk refused; the old file stands.
    """
    # Not beside it: what is half written there would be sent as a file of the run.
    replace_text(files / name, text, scratch=files.parent / "tmp")


def summary_json(values: Mapping[str, Any]) -> str:
    """The text of `wandb-summary.json`: one line of extended JSON."""
    return json.dumps(values, default=repr)


def config_yaml(values: Mapping[str, Any]) -> str:
    """The text of `config.yaml` in W&B's layout: each top-level key has its value under `value`.

    Args:
        values: plain values (see `holdfast.records.values.plain`).

    Example:
        >>> print(config_yaml({"lr": 0.1, "opt": {"name": "adam"}}), end="")
        "lr":
            value: 0.1
        "opt":
            value: {"name": "adam"}
    """
    return "".join(
        f"{_quoted(key)}:\n    value: {_flow(value)}\n" for key, value in sorted(values.items())
    )


def _flow(value: Any) -> str:
    """A value in YAML's flow style, spelled so that YAML 1.1 and 1.2 readers agree on it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(k))}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    return _quoted(str(value))


def _number(value: float) -> str:
    if not math.isfinite(value):
        return ".nan" if value != value else ".inf" if value > 0 else "-.inf"
    text = repr(value)
    # YAML 1.1 takes 1e-05 for text: a number with an exponent needs a point.
    mantissa, found, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if found and "." not in mantissa else text


def _quoted(text: str) -> str:
    body = "".join(c if c.isprintable() and c not in '"\\' else _escape(c) for c in text)
    return f'"{body}"'


def _escape(sign: str) -> str:
    number = ord(sign)
    if sign in '"\\':
        return "\\" + sign
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
