"""What a bundle says of itself: head and end of a volume, the manifest of a run, names of members.

Owns these as dataclasses and checks each field when reading: a bundle comes from elsewhere. Must
not know archives or files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from holdfast.errors import DamagedError, RefusedError
from holdfast.wire import FileEntry, check_file_path
from holdfast.wire.fields import Fields

__all__ = ["END", "HEAD", "End", "Head", "Manifest", "Mark", "manifest_name", "parse", "parse_name"]

HEAD = "holdfast-bundle.json"
END = "holdfast-end.json"

_FORMAT = 1
_MANIFEST = "holdfast-manifest-"
_RUNS, _PIECES = "runs", "pieces"
_BESIDE = ("files/", "artifacts/", "logs/")

T = TypeVar("T")


@dataclass(frozen=True)
class Mark:
    """Where packing stands: the run of this manifest, this entry of it, this byte of that."""

    number: int
    index: int
    offset: int


@dataclass(frozen=True)
class Head:
    """The first member of a volume: which bundle it belongs to, and its number from 1."""

    bundle: str
    volume: int
    by: str

    def to_json(self) -> bytes:
        """The bytes of the member."""
        return _dump({"format": _FORMAT, **self.__dict__})

    @classmethod
    def from_json(cls, value: object) -> Head:
        """Read one; DamagedError for a format that this version does not know."""
        fields = Fields(value, "head")
        if (found := fields.count("format")) != _FORMAT:
            raise DamagedError(f"the bundle has format {found}", "update Holdfast here")
        return cls(fields.text("bundle"), fields.count("volume"), fields.text("by"))


@dataclass(frozen=True)
class End:
    """The last member of a volume: whether more volumes follow, and the run that goes on there."""

    last: bool
    open: Mark | None

    def to_json(self) -> bytes:
        """The bytes of the member."""
        return _dump({"last": self.last, "open": self.open and self.open.__dict__})

    @classmethod
    def from_json(cls, value: object) -> End:
        """Read one."""
        fields = Fields(value, "end")
        if (said := fields.get("open")) is None:
            return cls(fields.flag("last"), None)
        inner = Fields(said, "mark")
        mark = Mark(*(inner.count(name) for name in ("number", "index", "offset")))
        return cls(fields.flag("last"), mark)


@dataclass(frozen=True)
class Manifest:
    """What a run's folder held when it was packed; stands before the run's bytes.

    Args:
        number: unlike that of any other manifest of the bundle; a volume in which a run goes on
            repeats the manifest with its number, a run that was packed anew has another.
        place: where the folder lies in the bundle: its name, with a number before it when the
            bundle has another of that name.
        journal: name of the journal.
        entries: journal and files by their paths below the folder.
        times: when each was changed last, in nanoseconds since 1970.
    """

    number: int
    place: str
    journal: str
    entries: tuple[FileEntry, ...]
    times: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of all entries."""
        return sum(entry.size for entry in self.entries)

    def name_of(self, entry: FileEntry, offset: int | None = None) -> str:
        """The member's name of an entry, or of a piece of it that begins at ``offset``."""
        if offset is None:
            return f"{_RUNS}/{self.place}/{entry.path}"
        return f"{_PIECES}/{offset}/{self.place}/{entry.path}"

    def to_json(self) -> bytes:
        """The bytes of the member."""
        entries = [
            {**entry.to_json(), "mtime_ns": time}
            for entry, time in zip(self.entries, self.times, strict=True)
        ]
        said = {"number": self.number, "place": self.place, "journal": self.journal}
        return _dump({**said, "files": entries})

    @classmethod
    def from_json(cls, value: object) -> Manifest:
        """Read one; DamagedError when a path in it is none of a run folder."""
        fields = Fields(value, "manifest")
        items = fields.list("files")
        entries = tuple(FileEntry.from_json(item) for item in items)
        journal, place = fields.text("journal"), check_file_path(fields.text("place"))
        if any(part.startswith(".") for part in place.split("/")) or "\\" in place:
            raise DamagedError(f"{place!r} is not the place of a run")
        if "/" in journal or not journal.endswith(".wandb") or journal.startswith("."):
            raise DamagedError(f"{journal!r} is not the name of a journal")
        paths = [entry.path for entry in entries]
        strange = [p for p in paths if (p != journal and not p.startswith(_BESIDE)) or "\\" in p]
        if strange or len(set(paths)) != len(paths) or journal not in paths:
            what = repr(strange[0]) if strange else "a path that stands there twice, or no journal"
            raise DamagedError(f"the manifest of {place} names {what}")
        times = tuple(Fields(item, "file").count("mtime_ns") for item in items)
        return cls(fields.count("number"), place, journal, entries, times)


def manifest_name(number: int) -> str:
    """The name of a manifest's member."""
    return f"{_MANIFEST}{number}.json"


def parse(data: bytes, read: Callable[[object], T]) -> T:
    """Read a member of JSON.

    Raises:
        DamagedError: it is none, or a field is missing or wrong.
    """
    try:
        return read(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"a part of the bundle cannot be read: {error}") from error
    except RefusedError as error:
        raise DamagedError(f"a part of the bundle is wrong: {error.what}") from error


def parse_name(name: str) -> tuple[str, int | None, str]:
    """What a member is: (``manifest``, None, "") or (``file``, offset or None, place and path).

    Raises:
        DamagedError: a bundle has no member of this name.

    >>> parse_name("pieces/4096/run-a/files/big"), parse_name("runs/run-a/run-a.wandb")
    (('file', 4096, 'run-a/files/big'), ('file', None, 'run-a/run-a.wandb'))
    """
    first, _, rest = name.partition("/")
    if first.startswith(_MANIFEST) and not rest:
        return "manifest", None, ""
    offset: int | None = None
    if first == _PIECES:
        digits, _, rest = rest.partition("/")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
            raise DamagedError(f"{name[:200]!r} is no part of a bundle")
        offset = int(digits)
    try:
        if first in (_RUNS, _PIECES):
            return "file", offset, check_file_path(rest)
    except RefusedError as error:
        raise DamagedError(f"a name in the bundle is refused: {error.what}") from error
    raise DamagedError(f"{name[:200]!r} is no part of a bundle")


def _dump(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=1).encode() + b"\n"
