"""What a run's folders tell: who it is, its curves, config, summary, machine and console.

Owns reading journals portion by portion, so that a long one does not fill the memory. Must not know
how it is shown.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.errors import DamagedError, StorageError
from holdfast.journal import Frame, Gap, Reader
from holdfast.page.curve import Curve
from holdfast.records.batch import Batch
from holdfast.records.replay import Applied, ConsoleText, Replay, Stat
from holdfast.records.values import flatten
from holdfast.rundir import RunDir, writer_of

__all__ = ["Story", "read_story"]

_AT_ONCE = 20_000
_CONSOLE_CHARACTERS = 400_000
#: what colours and moves the cursor of a terminal
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?=[^\r\n])")


@dataclass
class Story:
    """One run as its folders tell it.

    Attributes:
        replay: who it is, config, summary, metadata, exit.
        folders: its run folders, in order of start.
        state: finished, failed, running, crashed or preempted.
        metrics: curves over the step, by dotted name.
        system: curves over seconds since the run's start.
        console: the end of what was printed. left_out: characters before it.
        notes: lines about what cannot be read.
    """

    folders: list[RunDir]
    replay: Replay = field(default_factory=Replay)
    state: str = "crashed"
    metrics: dict[str, Curve] = field(default_factory=dict)
    system: dict[str, Curve] = field(default_factory=dict)
    console: str = ""
    left_out: int = 0
    notes: list[str] = field(default_factory=list)


def read_story(folders: Sequence[RunDir]) -> Story:
    """Read the folders of one run, in order of start.

    Raises:
        DamagedError: none of them holds anything that can be read.
        StorageError: a journal cannot be opened.
    """
    reading = _Reading(Story(list(folders)))
    for run_dir in folders:
        reading.take(run_dir.journal)
    story = reading.story
    if story.replay.run is None and not story.metrics:
        what = f"{folders[-1].journal} holds nothing that can be read"
        raise DamagedError(what, "name another run folder")
    reading.end()
    story.state = _state(story.replay, folders[-1])
    return story


class _Reading:
    """Goes through journals and fills a story."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self._console: deque[str] = deque()
        self._characters = 0
        self._last_step: int | None = None
        self._began: float | None = None

    def take(self, journal: Path) -> None:
        portion: list[bytes] = []
        unread = 0
        try:
            with open(journal, "rb") as file:
                for item in Reader(file):
                    if isinstance(item, Gap):
                        unread += item.end - item.start
                    elif isinstance(item, Frame):
                        portion.append(item.payload)
                    if len(portion) >= _AT_ONCE:
                        self._apply(portion)
                        portion = []
                self._apply(portion)
        except DamagedError as error:
            self.story.notes.append(f"{journal.name}: {error.what}")
        except OSError as error:
            what = f"cannot read {journal}: {error.strerror or error}"
            raise StorageError(what, "check the rights of the folder") from error
        if unread:
            self.story.notes.append(f"{unread:,} bytes of {journal.name} are damaged")

    def end(self) -> None:
        story = self.story
        if story.replay.open_row is not None:  # said before the end, in a row that was not closed
            row = {key: [value] for key, value in story.replay.open_row.items() if key != "_step"}
            step = story.replay.open_row.get("_step")
            self._rows(Batch(tuple(row), tuple(row.values()), [step]))
        text = _ESCAPES.sub("", "".join(self._console).replace("\r\n", "\n"))
        text = _OVERWRITTEN.sub("", text).replace("\r", "")
        more = max(0, len(text) - _CONSOLE_CHARACTERS)
        story.console = text[more:]
        story.left_out += more

    def _apply(self, payloads: list[bytes]) -> None:
        applied: Applied = self.story.replay.apply(payloads)
        for batch in applied.rows:
            self._rows(batch)
        for stat in applied.stats:
            self._stat(stat)
        for text in applied.console:
            self._print(text)

    def _rows(self, batch: Batch) -> None:
        steps = [step if step is not None else 0 for step in batch.steps]
        columns = [(key, batch.values(n)) for n, key in enumerate(batch.keys)]
        for number, step in enumerate(steps):
            if self._last_step is not None and step < self._last_step:
                for curve in self.story.metrics.values():
                    curve.cut(step)
            self._last_step = step
            for key, column in columns:
                value = column[number]
                if type(value) is dict:
                    for name, leaf in flatten({key: value}).items():
                        self._point(name, step, leaf)
                else:
                    self._point(key, step, value)

    def _point(self, key: str, step: int, value: Any) -> None:
        number = _number(value)
        if number is None or key.startswith("_"):
            return
        curve = self.story.metrics.get(key)
        if curve is None:
            curve = self.story.metrics[key] = Curve()
        curve.add(step, number)

    def _stat(self, stat: Stat) -> None:
        run = self.story.replay.run
        if self._began is None:
            self._began = run.start_time if run is not None and run.start_time else stat.timestamp
        seconds = round(stat.timestamp - self._began, 1)
        for key, value in stat.values.items():
            number = _number(value)
            if number is not None:
                self.story.system.setdefault(key, Curve()).add(seconds, number)

    def _print(self, text: ConsoleText) -> None:
        self._console.append(text.text)
        self._characters += len(text.text)
        while self._characters - len(self._console[0]) > _CONSOLE_CHARACTERS:
            gone = len(self._console.popleft())
            self._characters -= gone
            self.story.left_out += gone


def _number(value: Any) -> float | None:
    """A value as a point of a curve; None when it is none."""
    if type(value) not in (int, float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf if value > 0 else -math.inf


def _state(replay: Replay, run_dir: RunDir) -> str:
    if replay.exit_code is not None:
        return "finished" if replay.exit_code == 0 else "failed"
    if writer_of(run_dir) == "alive":
        return "running"
    return "preempted" if replay.preempting else "crashed"
