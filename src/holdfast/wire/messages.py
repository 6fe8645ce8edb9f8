"""What the two sides say to each other, as dataclasses with ``to_json`` and ``from_json``.

Owns the fields of every JSON body of the write side and checks each of them when reading. Must
not know how a body travels, who made it, or where it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from holdfast.ids import RunPath
from holdfast.wire.digests import check_digest
from holdfast.wire.fields import Fields, invalid
from holdfast.wire.headers import check_writer
from holdfast.wire.paths import check_journal_id
from holdfast.wire.room import Room

__all__ = [
    "ChunkAnswer",
    "Claim",
    "Edit",
    "FileEntry",
    "Given",
    "PartAnswer",
    "Receipt",
    "RunRef",
    "Viewer",
    "check_file_path",
]

_MAX_PATH_BYTES = 4096


def check_file_path(path: str) -> str:
    """Return ``path`` if it can name a file of a run: relative, below the run, plain parts.

    Raises:
        RefusedError: 422 ``invalid`` when it is empty, too long, absolute, leaves the run
            (``..``), has an empty or ``.`` part, a NUL, or is not Unicode text.

    >>> check_file_path("media/images/a.png")
    'media/images/a.png'
    """
    try:
        length = len(path.encode())
    except UnicodeEncodeError as error:
        raise invalid("the path of a file is not Unicode text", "rename the file") from error
    if not path or length > _MAX_PATH_BYTES:
        raise invalid(f"the path of a file has {length} bytes", f"use 1 to {_MAX_PATH_BYTES} bytes")
    if "\0" in path or any(part in {"", ".", ".."} for part in path.split("/")):
        raise invalid(
            f"{path[:200]!r} does not name a file below the run",
            "write parts with / between them, none of them empty, . or ..",
        )
    return path


@dataclass(frozen=True)
class FileEntry:
    """One file of a run: its path below ``files/``, its size in bytes, its digest."""

    path: str
    size: int
    digest: str

    def to_json(self) -> dict[str, object]:
        """The JSON object of this entry."""
        return {"path": self.path, "size": self.size, "digest": self.digest}

    @classmethod
    def from_json(cls, value: object) -> FileEntry:
        """Read an entry; RefusedError when a field is missing or wrong."""
        fields = Fields(value, "file")
        return cls(
            path=check_file_path(fields.text("path")),
            size=fields.count("size"),
            digest=check_digest(fields.text("digest")),
        )

    @classmethod
    def list_from_json(cls, value: object) -> list[FileEntry]:
        """Read ``{files: [...]}``, which the body of ``POST J/files`` says; no path twice."""
        entries = [cls.from_json(item) for item in Fields(value, "body").list("files")]
        if len({entry.path for entry in entries}) != len(entries):
            raise invalid("a path stands twice in the list of files", "name each file once")
        return entries


@dataclass(frozen=True)
class Claim:
    """What the sender says lies on its disk.

    Args:
        size: bytes of the journal file.
        position: end of its last whole frame.
        digest: digest of its first ``position`` bytes.
        torn: bytes after ``position`` (never sent); ``size - position``.
        files: how many files the run folder has.
        writer: how the journal's writer is: alive, gone or unknown.
    """

    size: int
    position: int
    digest: str
    torn: int
    files: int
    writer: str

    def to_json(self) -> dict[str, object]:
        """The JSON object of this claim."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Claim:
        """Read a claim; RefusedError when a field is missing, wrong, or they disagree."""
        fields = Fields(value, "claim")
        claim = cls(
            size=fields.count("size"),
            position=fields.count("position"),
            digest=check_digest(fields.text("digest")),
            torn=fields.count("torn"),
            files=fields.count("files"),
            writer=check_writer(fields.text("writer")),
        )
        if claim.position + claim.torn != claim.size:
            raise invalid("the claim's position and torn bytes are not its size", "read it again")
        return claim


@dataclass(frozen=True)
class RunRef:
    """A run as the server names it; ``url`` is where a browser sees it."""

    entity: str
    project: str
    run_id: str
    url: str

    @property
    def path(self) -> RunPath:
        """The run's name."""
        return RunPath(self.entity, self.project, self.run_id)

    def to_json(self) -> dict[str, object]:
        """The JSON object of this run."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> RunRef:
        """Read a run; RefusedError when a field is missing or wrong."""
        fields = Fields(value, "run")
        return cls(*(fields.text(name) for name in ("entity", "project", "run_id", "url")))


@dataclass(frozen=True)
class ChunkAnswer:
    """The answer to a chunk: where the server stands now, and the run it belongs to."""

    position: int
    run: RunRef

    def to_json(self) -> dict[str, object]:
        """The JSON object of this answer."""
        return {"position": self.position, "run": self.run.to_json()}

    @classmethod
    def from_json(cls, value: object) -> ChunkAnswer:
        """Read an answer; RefusedError when a field is missing or wrong."""
        fields = Fields(value, "answer")
        return cls(position=fields.count("position"), run=RunRef.from_json(fields.get("run")))


@dataclass(frozen=True)
class PartAnswer:
    """How much of a blob's upload is there."""

    offset: int
    complete: bool

    def to_json(self) -> dict[str, object]:
        """The JSON object of this answer."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> PartAnswer:
        """Read an answer; RefusedError when a field is missing or wrong."""
        fields = Fields(value, "answer")
        return cls(offset=fields.count("offset"), complete=fields.flag("complete"))


@dataclass(frozen=True)
class Receipt:
    """What the server says it holds of one journal.

    Args:
        run: the run.
        journal: the journal's id.
        position: end of the last whole frame that the server holds.
        digest: digest of the stored bytes up to there, computed when it was asked for.
        records: how many records of each kind.
        rows: how many rows of history.
        gaps: unreadable stretches as (start, end).
        files: the files whose bytes the server holds.
        state: the run's state.
        complete: the journal has its ``exit`` record.
        at: when the receipt was made (Unix seconds).
    """

    run: RunRef
    journal: str
    position: int
    digest: str
    records: Mapping[str, int]
    rows: int
    gaps: tuple[tuple[int, int], ...]
    files: tuple[FileEntry, ...]
    state: str
    complete: bool
    at: float = field(compare=False)

    def to_json(self) -> dict[str, Any]:
        """The JSON object of this receipt."""
        return {
            "run": self.run.to_json(),
            "journal": self.journal,
            "position": self.position,
            "digest": self.digest,
            "records": dict(self.records),
            "rows": self.rows,
            "gaps": [list(gap) for gap in self.gaps],
            "files": [entry.to_json() for entry in self.files],
            "state": self.state,
            "complete": self.complete,
            "at": self.at,
        }

    @classmethod
    def from_json(cls, value: object) -> Receipt:
        """Read a receipt; RefusedError when a field is missing or wrong."""
        fields = Fields(value, "receipt")
        return cls(
            run=RunRef.from_json(fields.get("run")),
            journal=fields.text("journal"),
            position=fields.count("position"),
            digest=check_digest(fields.text("digest")),
            records=fields.counts("records"),
            rows=fields.count("rows"),
            gaps=fields.spans("gaps"),
            files=tuple(FileEntry.from_json(item) for item in fields.list("files")),
            state=fields.text("state"),
            complete=fields.flag("complete"),
            at=fields.number("at"),
        )


@dataclass(frozen=True)
class Given:
    """A receipt that was given before, by what tells it from others.

    Args:
        run: ``(entity, project, run_id)``.
        journal: the journal's id.
        position: as in the receipt.
        at: when it was made, as in the receipt.
    """

    run: RunPath
    journal: str
    position: int
    at: float

    @classmethod
    def of(cls, receipt: Receipt) -> Given:
        """What names a receipt."""
        run = RunPath(receipt.run.entity, receipt.run.project, receipt.run.run_id)
        return cls(run, receipt.journal, receipt.position, receipt.at)

    def to_json(self) -> dict[str, object]:
        """The JSON object of this name."""
        rest = {"journal": self.journal, "position": self.position, "at": self.at}
        return {**self.run._asdict(), **rest}

    @classmethod
    def from_json(cls, value: object) -> Given:
        """Read one; RefusedError when a field is missing or wrong."""
        fields = Fields(value, "receipt")
        return cls(
            run=RunPath(*(fields.text(name) for name in RunPath._fields)),
            journal=check_journal_id(fields.text("journal")),
            position=fields.count("position"),
            at=fields.number("at"),
        )

    @classmethod
    def list_from_json(cls, value: object) -> list[Given]:
        """Read the body ``{receipts: [...]}`` of ``POST /api/v1/receipts``."""
        return [cls.from_json(item) for item in Fields(value, "body").list("receipts")]


@dataclass(frozen=True)
class Edit:
    """A change of what a run says of itself; doing it twice is doing it once.

    Args:
        job_type: what the run does; empty leaves it.
        replace_tags: (old, new) of tags that get another name.
    """

    job_type: str = ""
    replace_tags: tuple[tuple[str, str], ...] = ()

    def renamed(self, tags: Sequence[str]) -> tuple[str, ...]:
        """Those tags with their new names, each once.

        >>> Edit(replace_tags=(("a", "b"),)).renamed(["a", "b", "c"])
        ('b', 'c')
        """
        new = dict(self.replace_tags)
        return tuple(dict.fromkeys(new.get(tag, tag) for tag in tags))

    def to_json(self) -> dict[str, object]:
        """The JSON body of ``POST /api/v1/runs/…/edit``."""
        return {"job_type": self.job_type, "replace_tags": dict(self.replace_tags)}

    @classmethod
    def from_json(cls, value: object) -> Edit:
        """Read one; RefusedError when a field is missing or wrong."""
        fields = Fields(value, "edit")
        return cls(fields.text("job_type"), tuple(fields.texts("replace_tags").items()))


@dataclass(frozen=True)
class Viewer:
    """Who asks, as the server knows it, and what the server takes.

    Args:
        server: ``"holdfast"``; anything else is another kind of server.
        version: of the server.
        api: version of the interface; this code speaks 1.
        user: name of the user whose key was given.
        entity: where runs go that name none.
        chunk_bytes: the largest chunk, in plain bytes.
        part_bytes: the largest part of a blob, and the largest pack.
        disk: where it keeps things; None when it cannot say.
        relay_for: address of the server to which a relay sends on; empty for a server itself.
    """

    server: str
    version: str
    api: int
    user: str
    entity: str
    chunk_bytes: int
    part_bytes: int
    disk: Room | None = None
    relay_for: str = ""

    def to_json(self) -> dict[str, object]:
        """The JSON object of this answer."""
        limits = {"chunk_bytes": self.chunk_bytes, "part_bytes": self.part_bytes}
        return {
            "server": self.server,
            "version": self.version,
            "api": self.api,
            "user": self.user,
            "entity": self.entity,
            "limits": limits,
            "disk": None if self.disk is None else self.disk.to_json(),
            "relay_for": self.relay_for,
        }

    @classmethod
    def from_json(cls, value: object) -> Viewer:
        """Read an answer; RefusedError when a field is missing or wrong."""
        fields = Fields(value, "viewer")
        limits = Fields(fields.get("limits"), "limits")
        disk = fields.get("disk") if fields.has("disk") else None
        return cls(
            server=fields.text("server"),
            version=fields.text("version"),
            api=fields.count("api"),
            user=fields.text("user"),
            entity=fields.text("entity"),
            chunk_bytes=limits.count("chunk_bytes"),
            part_bytes=limits.count("part_bytes"),
            disk=None if disk is None else Room.from_json(disk),
            relay_for=fields.text("relay_for") if fields.has("relay_for") else "",
        )
