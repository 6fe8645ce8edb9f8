"""What the script prints, kept with the run while it goes to the terminal as before.

Owns the wrapping of `sys.stdout` and `sys.stderr` and the text of `output.log`. Must not know
records: it hands text on. Printing never breaks and never waits for a disk because of it: text is
taken in memory and handed on from another thread, whole lines soon, progress bars now and then.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Callable
from time import monotonic, time
from typing import Any

__all__ = ["Capture", "Lines", "newest"]

#: seconds that text without a line's end (a prompt, a progress bar) waits for its end
_PATIENCE = 5.0
#: characters in memory at which text is handed on at once, by whoever prints
_FULL = 256 * 1024

_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\r\n])")


def newest(text: str) -> str:
    r"""Text without what carriage returns overwrite: of a progress bar only its last state.

    >>> newest("10%\r20%\r30%")
    '\r30%'
    """
    return _OVERWRITTEN.sub("\r", text)


class Capture:
    """Keeps what is written to the two standard streams, from `start` to `stop`.

    Args:
        give: called with stream name, text and the time of the text's first character; from
            several threads, never from two at once.
    """

    def __init__(self, give: Callable[[str, str, float], None]) -> None:
        self._give = give
        self._taps = [_Tap("stdout"), _Tap("stderr")]
        # Held while text is handed on, so that the order of the text stays.
        self._giving = threading.Lock()
        self.on = False

    def start(self) -> None:
        """Begin to listen. A stream that cannot be listened to is left alone."""
        self.on = True
        for tap in self._taps:
            tap.attach(self._overflow)

    def listen_again(self) -> None:
        """Take up a stream whose owner has put back its own method: IPython does after a cell."""
        if self.on:
            for tap in self._taps:
                if not tap.hears():
                    tap.attach(self._overflow)

    def stop(self) -> None:
        """Hand on what is left, and give the streams back."""
        self.on = False
        for tap in self._taps:
            tap.detach()
        self.flush(all_of_it=True)

    def release(self) -> None:
        """Give the streams back without handing anything on: for the child of a fork."""
        self.on = False
        self._giving = threading.Lock()
        for tap in self._taps:
            tap.detach()
            tap.forget()

    def flush(self, *, all_of_it: bool = False) -> None:
        """Hand on whole lines, and unfinished ones that have waited long enough."""
        # Not waited for: a thread that prints while this one gives must not stand still.
        if not self._giving.acquire(blocking=all_of_it, timeout=2 if all_of_it else -1):
            return
        try:
            for tap in self._taps:
                text, when = tap.take(all_of_it)
                if text:
                    self._give(tap.name, newest(text), when)
        finally:
            self._giving.release()

    def _overflow(self) -> None:
        self.flush()


class _Tap:
    """One stream, and the text that was written to it lately."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._stream: Any = None
        self._write: Any = None
        self._ours: Any = None
        self._lock = threading.RLock()
        self._parts: list[str] = []
        self._size = 0
        self._since = 0.0
        self._since_wall = 0.0
        self._inside = False
        self._deaf = True
        self._heard = False

    def attach(self, overflow: Callable[[], None]) -> None:
        stream = getattr(sys, self.name, None)
        write = getattr(stream, "write", None)
        if not callable(write):
            return

        def tapped(text: str) -> Any:
            count = write(text)  # first, and with its own errors: printing is the script's business
            self._heard = True
            if not self._deaf and self._take_in(text):
                overflow()
            return count

        # The method is replaced, not the stream: loggers hold the stream object from before.
        with contextlib.suppress(AttributeError, TypeError):  # an object that takes no attributes
            stream.write = tapped  # type: ignore[union-attr]
            self._stream, self._write, self._ours, self._deaf = stream, write, tapped, False

    def hears(self) -> bool:
        """Whether what is written comes by here; asked by writing nothing."""
        stream = getattr(sys, self.name, None)
        self._heard = False
        if stream is not None and stream is self._stream:
            with contextlib.suppress(OSError, ValueError):  # a closed stream is heard no more
                stream.write("")
        return self._heard

    def detach(self) -> None:
        # From here on ours only passes on: somebody who wrapped it later may keep calling it.
        self._deaf = True
        stream, self._stream = self._stream, None
        if stream is not None and getattr(stream, "__dict__", {}).get("write") is self._ours:
            with contextlib.suppress(AttributeError):
                del stream.write
            if getattr(stream, "write", None) != self._write:
                stream.write = self._write  # it was an attribute of the object before us too

    def take(self, all_of_it: bool) -> tuple[str, float]:
        """Text to hand on, and when it was written."""
        with self._lock:
            if not self._parts:
                return "", 0.0
            text, when = "".join(self._parts), self._since_wall
            end = len(text)
            if not all_of_it and monotonic() - self._since < _PATIENCE:
                end = text.rfind("\n") + 1
            self._parts = [text[end:]] if end < len(text) else []
            self._size = len(text) - end
            if end:
                self._since, self._since_wall = monotonic(), time()
            return text[:end], when

    def forget(self) -> None:
        self._lock = threading.RLock()
        self._parts = []
        self._size = 0

    def _take_in(self, text: object) -> bool:
        """Keep a piece of text; True when there is so much that it must be handed on now."""
        if type(text) is not str or not text:
            return False
        with self._lock:
            if self._inside:  # a finaliser that prints, in the middle of this
                return False
            self._inside = True
            try:
                if not self._parts:
                    self._since, self._since_wall = monotonic(), time()
                self._parts.append(text)
                self._size += len(text)
                full = self._size >= _FULL
                if full:
                    self._parts = [newest("".join(self._parts))]
                    self._size = len(self._parts[0])
            finally:
                self._inside = False
        return full and self._size >= _FULL


class Lines:
    r"""Text of both streams as the lines of a file; ``\r`` begins a line anew, as on a terminal."""

    def __init__(self) -> None:
        self._unfinished = {"stdout": "", "stderr": ""}

    def add(self, stream: str, text: str) -> str:
        """The lines that this text finishes, each with its end."""
        *whole, last = (self._unfinished[stream] + text).split("\n")
        self._unfinished[stream] = _visible(last, keep_end=True)
        return "".join(f"{_visible(line)}\n" for line in whole)

    def rest(self) -> str:
        """What no line's end came for, each stream on a line of its own."""
        lines = [f"{_visible(line)}\n" for line in self._unfinished.values() if line]
        self._unfinished = dict.fromkeys(self._unfinished, "")
        return "".join(lines)


def _visible(line: str, *, keep_end: bool = False) -> str:
    """What a line shows after its carriage returns; its last one matters if more may follow."""
    body = line.rstrip("\r")
    shown = body.rpartition("\r")[2]
    return shown + "\r" if keep_end and len(body) < len(line) else shown
