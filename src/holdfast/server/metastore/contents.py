"""The statements about files: where the bytes of a digest lie, and which file has which digest.

Must not know how bytes arrive. Each function takes an open transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, func, insert, select, update

from holdfast.server.metastore.prepared import Prepared
from holdfast.server.metastore.schema import contents, files, journals, pieces, segments
from holdfast.server.metastore.store import Transaction

__all__ = [
    "Content",
    "HeldFile",
    "add",
    "blob_names",
    "files_at",
    "files_of",
    "find",
    "forget",
    "known",
    "name",
    "oldest_unpacked",
    "pack",
    "unpacked",
]

_AT_ONCE = 16
"""How many files one statement looks up: one that asks for fewer asks for its last one again."""
_PLACES = [f"place_{number}" for number in range(_AT_ONCE)]
_ANY_PLACE: list[BindParameter[str]] = [bindparam(place) for place in _PLACES]
_KNOWN = Prepared(
    select(contents.c.digest, contents.c.size).where(
        contents.c.entity == bindparam("entity"), contents.c.digest.in_(_ANY_PLACE)
    )
)
_FIND = Prepared(
    select(
        contents.c.digest, contents.c.size, contents.c.blob, contents.c.offset, contents.c.data
    ).where(contents.c.entity == bindparam("entity"), contents.c.digest == bindparam("digest"))
)
_UNPACKED = contents.c.blob.is_(None)
_UNPACKED_SINCE = select(
    func.coalesce(func.sum(contents.c.size), 0), func.min(contents.c.created_at)
).where(_UNPACKED)
_OLDEST = select(contents.c.id, contents.c.size).where(_UNPACKED).order_by(contents.c.id)
_DATA = (
    select(contents.c.id, contents.c.data)
    .where(contents.c.id.in_(bindparam("ids", expanding=True)), _UNPACKED)
    .order_by(contents.c.id)
)
_PACK = Prepared(
    update(contents)
    .where(contents.c.id == bindparam("the_content"), _UNPACKED)
    .values(blob=bindparam("the_blob"), offset=bindparam("the_offset"), data=None)
)
_FILES_OF = select(files.c.path, files.c.size, files.c.digest).where(
    files.c.journal_pk == bindparam("the_journal")
)
_ALL_FILES_OF = Prepared(_FILES_OF.order_by(files.c.path))
_FILES_AT = Prepared(_FILES_OF.where(files.c.path.in_(_ANY_PLACE)))
_INSERT_CONTENT = Prepared(insert(contents))
_INSERT_FILE = Prepared(insert(files))
_UPDATE_FILE = Prepared(
    update(files).where(
        files.c.journal_pk == bindparam("the_journal"), files.c.path == bindparam("the_path")
    )
)

_BATCH = 500  # fewer than the number of parameters that any database takes in one statement


@dataclass(frozen=True)
class Content:
    """Where the bytes of a digest lie: inline, or ``size`` bytes of ``blob`` from ``offset`` on."""

    digest: str
    size: int
    blob: str | None
    offset: int
    data: bytes | None


@dataclass(frozen=True)
class HeldFile:
    """A file of a run, as one of its journals names it."""

    path: str
    size: int
    digest: str


def find(tx: Transaction, entity: str, digest: str) -> Content | None:
    """Where the bytes of a digest lie; None when the entity has none of them."""
    row = _FIND.first(tx, {"entity": entity, "digest": digest})
    return None if row is None else Content(*row)


def known(tx: Transaction, entity: str, digests: Iterable[str]) -> dict[str, int]:
    """Those of the digests whose bytes the entity has, and how many they are."""
    found: dict[str, int] = {}
    for places in _placed(dict.fromkeys(digests)):
        found.update(_KNOWN.all(tx, {"entity": entity, **places}))
    return found


def add(tx: Transaction, entity: str, new: Sequence[Content], now: float) -> None:
    """Say where bytes lie, of which none are `known`."""
    rows = [
        {
            "entity": entity,
            "digest": content.digest,
            "blob": content.blob,
            "offset": content.offset,
            "size": content.size,
            "data": content.data,
            "created_at": now,
        }
        for content in new
    ]
    _INSERT_CONTENT.change(tx, *rows)


def unpacked(tx: Transaction) -> tuple[int, float]:
    """How many bytes lie inline, and since when the oldest do, in Unix seconds."""
    size, since = tx.execute(_UNPACKED_SINCE).one()
    return size, since or 0.0


def oldest_unpacked(tx: Transaction, enough: int) -> list[tuple[int, bytes]]:
    """Contents that lie inline, first come first, up to ``enough`` bytes: (id, bytes) of each."""
    ids: list[int] = []
    total = 0
    for pk, size in tx.execute(_OLDEST.limit(_BATCH)):
        ids.append(pk)
        total += size
        if total >= enough:
            break
    return [(row[0], row[1]) for row in tx.execute(_DATA, {"ids": ids})]


def pack(tx: Transaction, blob: str, places: Sequence[tuple[int, int]]) -> None:
    """Say that inline contents lie in a blob from now on: (id, offset) of each."""
    _PACK.change(
        tx, *({"the_content": pk, "the_blob": blob, "the_offset": at} for pk, at in places)
    )


def files_of(tx: Transaction, journal_pk: int) -> list[HeldFile]:
    """The files that a journal names, in order of path."""
    return [HeldFile(*row) for row in _ALL_FILES_OF.all(tx, {"the_journal": journal_pk})]


def files_at(tx: Transaction, journal_pk: int, paths: Iterable[str]) -> dict[str, HeldFile]:
    """Those of the files that a journal names which are at ``paths``, by path."""
    found: dict[str, HeldFile] = {}
    for places in _placed(dict.fromkeys(paths)):
        rows = _FILES_AT.all(tx, {"the_journal": journal_pk, **places})
        found.update((row[0], HeldFile(*row)) for row in rows)
    return found


def name(
    tx: Transaction,
    journal_pk: int,
    new: Sequence[HeldFile],
    there: Mapping[str, HeldFile],
    now: float,
) -> None:
    """Give files their digests; ``there`` are those that the journal names already, by path."""
    rows: list[dict[str, Any]] = []
    for file in new:
        values = {"size": file.size, "digest": file.digest, "updated_at": now}
        if file.path in there:
            where = {"the_journal": journal_pk, "the_path": file.path}
            _UPDATE_FILE.change(tx, {**values, **where})
        else:
            rows.append({"journal_pk": journal_pk, "path": file.path, **values})
    _INSERT_FILE.change(tx, *rows)


def forget(tx: Transaction, run_pk: int, path: str) -> bool:
    """Take a file out of all journals of a run; False when none names it."""
    mine = select(journals.c.id).where(journals.c.run_pk == run_pk)
    statement = delete(files).where(files.c.path == path, files.c.journal_pk.in_(mine))
    return bool(tx.execute(statement).rowcount)


def blob_names(tx: Transaction) -> set[str]:
    """Every blob that a row names."""
    found: set[str] = set()
    for column in (pieces.c.blob, segments.c.blob, contents.c.blob):
        found.update(tx.execute(select(column).where(column.is_not(None)).distinct()).scalars())
    return found


def _placed(wanted: Iterable[str]) -> Iterator[dict[str, str]]:
    """Values for as many statements as it takes to look up what is wanted."""
    left = list(wanted)
    for start in range(0, len(left), _AT_ONCE):
        some = left[start : start + _AT_ONCE]
        yield dict(zip_longest(_PLACES, some, fillvalue=some[-1]))
