"""Values for tests: what JSON can say, by hypothesis, and what a script may log by accident."""

from __future__ import annotations

import datetime
import decimal
import enum
import math
import pathlib
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

#: numbers that a JSON writer or reader may get wrong
NUMBERS = [
    *(0, -0.0, 1, -1, 0.1, 1e-320, 5e-324, 1.7976931348623157e308, 2.0, 1e16, 1e22),
    *(math.nan, math.inf, -math.inf, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, 10**30, -(10**300)),
]
TEXTS = [
    "",
    "plain",
    "é你好🙂",
    "a\x00b\x01\t\n",
    '"\\/',
    "\u2028\u2029",
    "NaN",
    "\ud800",
    "[",
    "{",
]

numbers = st.one_of(st.sampled_from(NUMBERS), st.floats(), st.integers())
texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(), max_size=20))
leaves = st.one_of(st.none(), st.booleans(), numbers, texts)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
#: keys that UTF-8 can say: a lone surrogate in a key is written as an escape
keys = st.one_of(
    st.sampled_from(["", ".", "a.b", "loss", "train/acc", "x" * 200, "ключ" * 50, "y" * 20_000]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
).filter(lambda key: key != "_step")


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Raises:
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")

    __str__ = __repr__


class RaisingMapping(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("iter")

    def __len__(self) -> int:
        return 1


class OddMapping(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __getitem__(self, key: str) -> Any:
        return {"a": 1, "b": [2]}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["a", "b"])

    def __len__(self) -> int:
        return 2


def cycle() -> dict[str, Any]:
    """A dict in itself, twice: followed blindly, it has no end in years."""
    made: dict[str, Any] = {"leaf": 1}
    made["self"] = made
    made["list"] = [made, made]
    return made


def deep(levels: int) -> Any:
    made: Any = 1
    for _ in range(levels):
        made = [made]
    return made


#: name: (value, what a reader finds; None where that is not worth a promise)
ODD: dict[str, tuple[Any, Any]] = {
    "an object whose repr raises": (Raises(), "<Raises: RuntimeError>"),
    "a list of such": ([1, Raises()], [1, "<Raises: RuntimeError>"]),
    "a key whose str raises": ({Raises(): 1}, {"<Raises: RuntimeError>": 1}),
    "a mapping that raises": (RaisingMapping(), "<RaisingMapping: RuntimeError>"),
    "a mapping that is no dict": (OddMapping(), {"a": 1, "b": [2]}),
    "a list with a mapping that is no dict": ([OddMapping()], [{"a": 1, "b": [2]}]),
    "a cycle": (cycle(), None),
    "a thousand levels": (deep(1000), None),
    "five thousand levels": (deep(5000), None),
    "an integer of 5000 digits": (10**5000, hex(10**5000)),
    "an integer of 400 digits": (10**400, 10**400),
    "a numpy float": (np.float64(0.1), 0.1),
    "a half float": (np.float16(0.5), 0.5),
    "a numpy integer": (np.int64(-5), -5),
    "a numpy bool": (np.bool_(True), True),
    "a numpy NaN": (np.float32("nan"), math.nan),
    "a numpy array": (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    "an array of no dimensions": (np.array(3.5), 3.5),
    "an array of objects": (np.array([None, {1}], dtype=object), [None, "{1}"]),
    "an empty array": (np.array([]), []),
    "a numpy date": (np.datetime64("2026-11-21"), "2026-11-21"),
    "a numpy complex": (np.complex128(1 + 2j), "(1+2j)"),
    "a complex": (1 + 2j, "(1+2j)"),
    "bytes": (b"\x00\xff", r"b'\x00\xff'"),
    "a set": ({1}, "{1}"),
    "a decimal": (decimal.Decimal("1.50"), "Decimal('1.50')"),
    "a date and time": (datetime.datetime(2026, 11, 21, 1, 2), "2026-11-21T01:02:00"),  # noqa: DTZ001
    "a path": (pathlib.PurePosixPath("a/b"), "a/b"),
    "a uuid": (uuid.UUID(int=1), "UUID('00000000-0000-0000-0000-000000000001')"),
    "an enum of strings": (Colour.RED, "red"),
    "an enum of integers": (Level.HIGH, 3),
    "a tuple": ((1, (2,)), [1, [2]]),
    "keys that are no strings": (
        {1: "a", None: "b", (1, 2): "d", Colour.RED: "e"},
        None,
    ),
    "a range": (range(3), "range(0, 3)"),
    "a type": (int, "<class 'int'>"),
}
