r"""What a terminal would show of a stream of text: lines, as rewritten by ``\r`` and cursor moves.

Owns the few control characters that progress bars use. Must not know where the text comes from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ScreenLine", "Terminal"]

_MAX_WIDTH = 64 * 1024
_REACH = 100  # how many lines up the cursor may go; nested progress bars need a handful

_TOKEN = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: cursor moves, colours
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: window titles, links
    r"|\x1b[@-Z\\-_]"  # other two-character escapes
    r"|[\n\r\b]"
    r"|[^\x1b\n\r\b]+"
    r"|\x1b"
)


@dataclass
class ScreenLine:
    """One line as it stands: when its text last changed (Unix seconds), from which stream.

    ``label`` says whose it is, of a run with several writers.
    """

    stream: str
    timestamp: float
    label: str = ""
    text: str = ""


class Terminal:
    r"""Lines of several streams, of several writers, in the order in which each line was begun.

    >>> terminal = Terminal()
    >>> terminal.write("stderr", 1.0, "10%\r20%")
    >>> [line.text for line in terminal.lines]
    ['20%']
    """

    def __init__(self) -> None:
        self.lines: list[ScreenLine] = []
        self._pens: dict[tuple[str, str], _Pen] = {}

    def write(self, stream: str, timestamp: float, text: str, label: str = "") -> None:
        """Add what the writer of this label wrote to a stream at one moment."""
        pen = self._pens.get((stream, label))
        if pen is None:
            pen = self._pens[stream, label] = _Pen(stream, label, self.lines)
        for token in _TOKEN.findall(text):
            pen.take(token, timestamp)


class _Pen:
    """The cursor of a writer's stream: which of its lines it stands in, and in which column."""

    def __init__(self, stream: str, label: str, lines: list[ScreenLine]) -> None:
        self._stream = stream
        self._label = label
        self._all = lines
        self._own: list[ScreenLine] = []  # this stream's last lines, the cursor among them
        self._row = 0
        self._column = 0

    def take(self, token: str, timestamp: float) -> None:
        """Obey one token."""
        first = token[0]
        if first == "\n":
            self._line(timestamp)
            self._down(1, timestamp)
            self._column = 0
        elif first == "\r":
            self._column = 0
        elif first == "\b":
            self._column = max(0, self._column - 1)
        elif first == "\x1b":
            self._escape(token, timestamp)
        else:
            self._print(token, timestamp)

    def _line(self, timestamp: float) -> ScreenLine:
        """The line under the cursor, begun if it is not there yet."""
        while self._row >= len(self._own):
            line = ScreenLine(self._stream, timestamp, self._label)
            self._own.append(line)
            self._all.append(line)
        if len(self._own) > 2 * _REACH:
            dropped = min(self._row, len(self._own) - _REACH)
            del self._own[:dropped]
            self._row -= dropped
        return self._own[self._row]

    def _down(self, count: int, timestamp: float) -> None:
        """Move down; lines passed on the way exist, the one arrived at may not yet."""
        for _ in range(count):
            self._line(timestamp)
            self._row += 1

    def _print(self, text: str, timestamp: float) -> None:
        line = self._line(timestamp)
        old = line.text
        if len(old) < self._column:
            old = old.ljust(self._column)
        end = self._column + len(text)
        line.text = (old[: self._column] + text + old[end:])[:_MAX_WIDTH]
        line.timestamp = timestamp
        self._column = min(end, _MAX_WIDTH)

    def _escape(self, token: str, timestamp: float) -> None:
        if not token.startswith("\x1b["):
            return
        command, argument = token[-1], token[2:-1]
        count = int(argument) if argument.isdigit() else 0
        if command == "A":
            self._row = max(0, self._row - min(max(count, 1), _REACH))
        elif command == "B":
            self._down(min(max(count, 1), _REACH), timestamp)
        elif command == "C":
            self._column = min(self._column + max(count, 1), _MAX_WIDTH)
        elif command == "D":
            self._column = max(0, self._column - max(count, 1))
        elif command == "G":
            self._column = min(max(count, 1) - 1, _MAX_WIDTH)
        elif command == "K":
            self._erase(count, timestamp)

    def _erase(self, kind: int, timestamp: float) -> None:
        line = self._line(timestamp)
        if kind == 0:
            line.text = line.text[: self._column]
        elif kind == 1:
            line.text = " " * self._column + line.text[self._column :]
        else:
            line.text = ""
