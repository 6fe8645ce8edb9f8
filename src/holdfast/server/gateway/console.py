"""Lines of ``output.log``: what is new is console text, what is rewritten moves the cursor.

Owns the form of such a line, and how a change of an earlier one is said to a terminal. Must not
know where lines are kept.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from holdfast.records import encode
from holdfast.records.values import loads
from holdfast.server.gateway.posted import Lines

__all__ = ["ConsoleLine", "marks_of", "read_lines", "written"]

_LINE = re.compile(
    r"(?P<error>ERROR )?(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)Z? (?P<text>.*)",
    re.DOTALL,
)
_REACH = 100
"""How far back a line may be rewritten, as far as a reader's cursor can go."""
_MARK = 7


class ConsoleLine(NamedTuple):
    """A line of the console: when, from which stream, of which of several clients."""

    timestamp: float
    stream: str
    text: str
    label: str = ""


def read_lines(lines: Sequence[str], now: float) -> list[ConsoleLine]:
    """Lines as clients send them: ``[ERROR ]TIME TEXT``, or an object with ``ts`` and ``content``.

    A line that says no time has the time ``now``.
    """
    return [_read(line, now) for line in lines]


def _read(line: str, now: float) -> ConsoleLine:
    line = line.rstrip("\r\n").replace("\n", " ")
    if found := _LINE.fullmatch(line):
        stream = "stderr" if found["error"] else "stdout"
        return ConsoleLine(_seconds(found["time"], now), stream, found["text"])
    if line.startswith("{"):
        try:
            said = loads(line)
        except ValueError:
            said = {}
        if isinstance(said.get("content"), str) and isinstance(said.get("ts"), str):
            stream = "stderr" if said.get("level") == "error" else "stdout"
            label = said.get("label")
            return ConsoleLine(
                _seconds(said["ts"].rstrip("Z"), now),
                stream,
                said["content"],
                label if isinstance(label, str) else "",
            )
    return ConsoleLine(now, "stdout", line)


def _seconds(text: str, now: float) -> float:
    whole, _, fraction = text.partition(".")
    try:
        moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
        return moment.timestamp() + float(f"0.{fraction or 0}")
    except ValueError:
        return now


def marks_of(lines: Sequence[ConsoleLine]) -> str:
    """What is kept of lines to know them again: the stream's letter and six digits of a sum."""
    return "".join(
        f"{line.stream[3]}{zlib.crc32(line.text.encode('utf-8', 'replace')) >> 8:06x}"
        for line in lines
    )


def written(
    posted: Lines, lines: Sequence[ConsoleLine], held: int, marks: str
) -> tuple[list[bytes], str]:
    """The records of lines that are new or changed, and the marks of the last lines after them.

    Args:
        posted: where the lines stand.
        lines: the same, read.
        held: how many lines are held.
        marks: of the last of these.
    """
    records = []
    if posted.offset > held:
        marks = ""  # lines in between are lost: nothing before them can be reached
    first = held - len(marks) // _MARK
    known = [marks[at : at + _MARK] for at in range(0, len(marks), _MARK)]
    for number, line in enumerate(lines, posted.offset):
        mark = marks_of([line])
        if number >= held:
            text = f"{line.text}\n"
            records.append(encode.output(line.stream, text, line.timestamp, line.label))
            known.append(mark)
        elif number >= first and known[number - first] != mark:
            letter = known[number - first][0]
            up = sum(one[0] == letter for one in known[number - first : held - first])
            stream = "stdout" if letter == "o" else "stderr"
            text = f"\x1b[{up}A\r\x1b[2K{line.text}\x1b[{up}B\r"
            records.append(encode.output(stream, text, line.timestamp, line.label))
            known[number - first] = letter + mark[1:]
    return records, "".join(known[-_REACH:])
