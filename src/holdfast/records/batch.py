"""Many history records to columns, fast where rows look alike.

Rows of a training loop have the same keys in the same order and numbers for values. For such a
shape one regular expression, made from the bytes that do not change, takes whole records apart
in C: ten times as fast as message objects. A row that does not fit is parsed as any record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from holdfast.errors import DamagedError
from holdfast.records.decode import add_runtime, history_row, parse
from holdfast.records.values import loads, read_value

__all__ = ["Batch", "Spelled", "batches", "number_values"]

_NUMBER = rb"([-+.0-9eE]+|NaN|-?Infinity)"
#: a time from which a row's `_runtime` can be told
_MOMENT = rb"([0-9]{1,12}(?:\.[0-9]{1,3})?)"
#: steps that are spelled as such; others take the slow way
_WHOLE = rb"(-?[1-9][0-9]{0,17}|0)"
#: longer rows and keys are rare, and the expression would be slow to make
_MAX_KEYS = 512
_MAX_KEY_BYTES = 1000
_NUMBERS = frozenset((float, int))
_VARINT = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
#: what may follow: control, uuid and info, of the row or of the record. The length decides how
#: much is taken, so that there is one way to match and bytes made to be slow cannot be
_LENGTHS = b"|".join(re.escape(bytes([size])) + b".{%d}" % size for size in range(128))
_TAIL = rb"(?:(?:\x82\x01|\x9a\x01|\xc2\x0c)(?:%b))*" % _LENGTHS


class Batch:
    """Consecutive rows with the same keys.

    Attributes:
        keys: without ``_step``.
        columns: ``columns[i]`` holds the values of ``keys[i]``, one a row: tokens (the bytes of a
            JSON number) when ``tokens`` is true, else values as logged, nested dicts included.
        steps: each row's step, None where the record names none.
        tokens: what the columns hold.
    """

    tokens = False

    def __init__(
        self, keys: tuple[str, ...], columns: Sequence[Sequence[Any]], steps: list[int | None]
    ) -> None:
        self.keys = keys
        self.columns = columns
        self.steps = steps

    def values(self, index: int, begin: int = 0, end: int | None = None) -> list[Any]:
        """Column ``index`` of rows ``begin`` to ``end`` as Python values, ints and floats apart."""
        return list(self.columns[index][begin:end])

    def row(self, number: int) -> list[Any]:
        """The values of one row, in the order of the keys."""
        return [column[number] for column in self.columns]


class Spelled(Batch):
    """A batch of numbers only, as they were spelled: its columns hold tokens."""

    tokens = True

    def values(self, index: int, begin: int = 0, end: int | None = None) -> list[Any]:
        """See `Batch.values`."""
        return number_values(self.columns[index][begin:end])

    def row(self, number: int) -> list[Any]:
        """See `Batch.row`."""
        return number_values([column[number] for column in self.columns])


class _Matched(Spelled):
    """Records that have a shape, taken apart when their columns are first asked for.

    Who takes a journal in needs only the steps and the last row.
    """

    def __init__(
        self, shape: _Shape, payloads: Sequence[bytes], steps: list[int | None], since: int
    ) -> None:
        self.keys = shape.keys
        self.steps = steps
        self._shape = shape
        self._payloads = payloads
        self._since = since

    @cached_property
    def columns(self) -> Sequence[Sequence[Any]]:  # type: ignore[override]
        return self._shape.columns(self._payloads, self._since)

    def row(self, number: int) -> list[Any]:
        [payload] = self._payloads[number : number + 1]
        return number_values([token for [token] in self._shape.columns([payload], self._since)])


def number_values(tokens: Sequence[bytes]) -> list[Any]:
    """JSON numbers as Python values, ints and floats apart; what is none stays text.

    >>> number_values([b"1", b"2.5", b"NaN"])
    [1, 2.5, nan]
    """
    try:
        return loads(b"[" + b",".join(tokens) + b"]")  # type: ignore[no-any-return]
    except ValueError:  # a token that only looked like a number
        return [read_value(token.decode()) for token in tokens]


def batches(payloads: Sequence[bytes], runtime_since: int = 0) -> list[Batch]:
    """The rows of ``history`` records, in order, in batches of rows with the same keys.

    A record that cannot be parsed is left out: its frame was whole, so nothing was damaged on
    the way, but whoever wrote it did not write a row.

    Args:
        payloads: the records.
        runtime_since: what their journal says (see `encode.run`): rows without ``_runtime`` get it.
    """
    found: list[Batch] = []
    begin = 0
    before: tuple[str, ...] | None = None
    while begin < len(payloads):
        history = _history(payloads[begin])
        if history is None:
            begin += 1
            continue
        row = history_row(history)
        names = _names(history, row)
        timed = _timed(names) if names and runtime_since else None
        names = timed or names
        again = names == before
        shape = None if names is None else _shape(names, timed=timed is not None, again=again)
        before = names
        steps = [] if shape is None else shape.steps_from(payloads, begin)
        if shape is not None and len(steps) > 1:
            end = begin + len(steps)
            found.append(_Matched(shape, payloads[begin:end], steps, runtime_since))
            begin = end
        else:
            _add_row(found, add_runtime(row, runtime_since))
            begin += 1
    return found


def _history(payload: bytes) -> Any | None:
    try:
        return parse(payload).history
    except DamagedError:
        return None


def _add_row(found: list[Batch], row: dict[str, Any]) -> None:
    """Put a parsed row into the last batch if it has its keys, else into a new one."""
    step = row.pop("_step", None)
    last = found[-1] if found else None
    if last is not None and not last.tokens and row.keys() == set(last.keys):
        for key, column in zip(last.keys, last.columns, strict=True):
            column.append(row[key])  # type: ignore[attr-defined]
        last.steps.append(step)
    else:
        found.append(Batch(tuple(row), tuple([value] for value in row.values()), [step]))


class _Shape:
    """Records with certain keys in a certain order, and numbers for values.

    Args:
        keys: without ``_step``.
        step_item: the place of the item ``_step`` among the items, -1 when it has none.
        timed: ``_runtime`` may be missing; it stands behind ``_timestamp`` then, which tells it.
    """

    def __init__(self, keys: tuple[str, ...], step_item: int, *, timed: bool) -> None:
        self.keys = keys
        self.step_item = step_item
        self._runtime = keys.index("_runtime") if timed else 0
        names = list(keys)
        if step_item >= 0:
            names.insert(step_item, "_step")
        head = rb"(?:\x08%b)?\x12%b" % (_VARINT, _VARINT)
        items = b"".join(_item_pattern(name, timed=timed) for name in names)
        step = rb"(?:\x12(?:\x00|.\x08(%b)))" % _VARINT
        if step_item >= 0:
            step += b"?"
        whole = head + items + step + _TAIL
        self._whole = re.compile(whole, re.DOTALL).fullmatch
        # Every group is an object for every row: where only steps are wanted, only they are one.
        steps = whole
        for value in (_NUMBER, _MOMENT):
            steps = steps.replace(value, b"(?:" + value[1:])
        self._steps = re.compile(steps, re.DOTALL).fullmatch

    def steps_from(self, payloads: Sequence[bytes], begin: int) -> list[int | None]:
        """The steps of the payloads from ``begin`` on that have this shape."""
        match = self._steps
        tokens = []
        for payload in islice(payloads, begin, None):
            found = match(payload)
            if found is None:
                break
            tokens.append(found[1])
        return [int(token) for token in tokens] if self.step_item >= 0 else _steps(tokens)

    def columns(self, payloads: Sequence[bytes], since: int) -> Sequence[Sequence[bytes]]:
        """The tokens of payloads of this shape, a column a key."""
        match = self._whole
        rows = [match(payload).groups() for payload in payloads]  # type: ignore[union-attr]
        columns = list(zip(*rows, strict=True))
        del columns[-1]  # the step of the record
        if self.step_item >= 0:
            del columns[self.step_item]
        if place := self._runtime:
            told = zip(columns[place], number_values(columns[place - 1]), strict=True)
            begin = since / 1000
            columns[place] = tuple(own or b"%.3f" % max(time - begin, 0.0) for own, time in told)
        return columns


#: Shapes of rows that came twice in a row. Real wandb since 0.18 writes the keys of each row in
#: another order, and an expression for an order that does not come again costs more than it saves.
_shapes: dict[tuple[tuple[str, ...], bool], _Shape] = {}
_MAX_SHAPES = 256


def _names(history: Any, row: dict[str, Any]) -> tuple[str, ...] | None:
    """The keys of the items in their order, if a shape can have them."""
    if not 0 < len(row) <= _MAX_KEYS or not _NUMBERS.issuperset(map(type, row.values())):
        return None
    names = tuple(row)
    more = len(names) - len(history.item)
    if more == 1 and names[-1] == "_step":  # no item, but a part of the record
        return names[:-1]
    return names if more == 0 else None


def _timed(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The keys with ``_runtime`` where it stands or would; None if ``_timestamp`` tells none."""
    place = names.index("_timestamp") + 1 if "_timestamp" in names else 0
    if "_runtime" not in names:
        return (*names[:place], "_runtime", *names[place:]) if place else None
    return names if place and names[place:][:1] == ("_runtime",) else None


def _shape(names: tuple[str, ...], *, timed: bool, again: bool) -> _Shape | None:
    """The shape with these keys; made if rows like it come ``again``."""
    shape = _shapes.get((names, timed))
    if shape is None and again and all(len(name.encode()) <= _MAX_KEY_BYTES for name in names):
        if len(_shapes) >= _MAX_SHAPES:
            _shapes.clear()
        place = names.index("_step") if "_step" in names else -1
        keys = tuple(name for name in names if name != "_step")
        shape = _shapes[names, timed] = _Shape(keys, place, timed=timed)
    return shape


def _item_pattern(name: str, *, timed: bool) -> bytes:
    key = name.encode()
    size = len(key)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    item = rb"\n(?:[\x00-\x7f]|[\x80-\xff][\x01-\x7f])"
    value = _WHOLE if name == "_step" else _NUMBER
    if timed and name == "_timestamp":
        value = _MOMENT
    whole = item + rb"[\x0a\x12]" + re.escape(length + key) + rb"\x82\x01." + value
    return b"(?:%b)?" % whole if timed and name == "_runtime" else whole


def _steps(numbers: Sequence[bytes | None]) -> list[int | None]:
    """Varints to steps; the short ones here, where a call a row would cost as much as the rest."""
    steps: list[int | None] = []
    add = steps.append
    for number in numbers:
        if number is None:
            add(0)
        elif len(number) == 1:
            add(number[0])
        elif len(number) == 2:
            add(number[0] & 127 | number[1] << 7)
        elif len(number) == 3:
            add(number[0] & 127 | (number[1] & 127) << 7 | number[2] << 14)
        else:
            add(_varint(number))
    return steps


def _varint(data: bytes) -> int:
    number = 0
    for index, byte in enumerate(data):
        number |= (byte & 127) << (7 * index)
    number &= 0xFFFFFFFFFFFFFFFF
    return number if number < 1 << 63 else number - (1 << 64)
