"""What every blob store promises, and the grammar of a blob's name.

Must not know what is in a blob, who names it, or SQL. One suite of tests
(`tests/server/blobstore/test_contract.py`) holds every store to this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from holdfast.errors import RefusedError, UsageError

__all__ = ["Blob", "BlobStore", "check_name", "offset_mismatch", "storage_full"]

_PART = r"[A-Za-z0-9_=+,-][A-Za-z0-9._=+,-]{0,199}"
_NAME = re.compile(f"{_PART}(/{_PART})*")
_MAX_LENGTH = 900


@dataclass(frozen=True)
class Blob:
    """A blob as a listing tells it: its name, its size in bytes, when it was put (Unix seconds)."""

    name: str
    size: int
    modified: float


class BlobStore(Protocol):
    """Named immutable bytes, and uploads that become blobs.

    Every method may be called from several threads. A name that breaks the grammar of
    `check_name` is a UsageError. A store without room raises RefusedError (507
    ``storage_full``) and keeps nothing of what it was given; any other refusal of the disk is a
    StorageError.
    """

    def put(self, name: str, chunks: Iterable[bytes]) -> int:
        """Store a blob and return its size in bytes.

        Create-only: when ``name`` is there already, nothing is changed (``chunks`` is not read)
        and the size of what is there is returned. When this returns, the blob survives a power
        cut; when it raises or the process dies, there is no blob of this name.
        """
        ...

    def get(self, name: str) -> bytes:
        """All bytes of a blob. NotFoundError when there is none."""
        ...

    def open(self, name: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end`` (None: the end), in parts of at most 1 MiB.

        NotFoundError when there is none, at the call, not at the first part.
        """
        ...

    def exists(self, name: str) -> bool:
        """True when there is a blob of this name."""
        ...

    def size(self, name: str) -> int:
        """Its size in bytes. NotFoundError when there is none."""
        ...

    def delete(self, name: str) -> None:
        """Remove a blob; nothing happens when there is none."""
        ...

    def list(self, prefix: str = "") -> Iterator[Blob]:
        """Every blob whose name begins with ``prefix``, in any order; no unfinished ones."""
        ...

    def append(self, upload: str, offset: int, data: bytes) -> int:
        """Add ``data`` to the upload called ``upload`` and return its new size.

        An upload begins with an append at offset 0. Not durable before `finish`.

        Raises:
            RefusedError: 409 ``offset_mismatch`` when the upload does not end at ``offset``;
                ``detail["offset"]`` is where it ends.
        """
        ...

    def uploaded(self, upload: str) -> int:
        """How many bytes of an upload are there; 0 when there is none."""
        ...

    def read_upload(self, upload: str) -> Iterator[bytes]:
        """The bytes of an upload, in parts of at most 1 MiB."""
        ...

    def finish(self, upload: str, name: str) -> None:
        """Make an upload the blob ``name``: durable, create-only, as `put`. The upload is gone."""
        ...

    def drop(self, upload: str) -> None:
        """Forget an upload; nothing happens when there is none."""
        ...

    def uploads(self) -> Iterator[Blob]:
        """The unfinished uploads; ``modified`` is when bytes last came."""
        ...


def check_name(name: str) -> str:
    """Return ``name`` if it can name a blob: parts of ASCII letters, digits and ``._=+,-``.

    No part is empty, begins with a dot or has over 200 characters, so that every name fits every
    file system, and none leaves the store's folder or hides.

    Raises:
        UsageError: it cannot.

    >>> check_name("files/team/ab/abcdef")
    'files/team/ab/abcdef'
    """
    if len(name) <= _MAX_LENGTH and _NAME.fullmatch(name):
        return name
    raise UsageError(f"{name[:100]!r} cannot name a blob", "use letters, digits and ._=+,-")


def storage_full(what: str) -> RefusedError:
    """The error of a store without room."""
    return RefusedError(
        f"{what}: the server's disk is full; nothing was stored",
        "free space on the server, then send again",
        status=507,
        code="storage_full",
    )


def offset_mismatch(offset: int) -> RefusedError:
    """The error for a part that does not begin where its upload ends."""
    return RefusedError(
        f"the part does not start at {offset}, where the upload ends",
        f"send from byte {offset} on",
        status=409,
        code="offset_mismatch",
        detail={"offset": offset},
    )
