"""Files of a run: their bytes by digest, whole or in parts, and the names that point to them.

Bytes are durable, and known by their digest, before a name may point to them. Must not know
HTTP or what is in a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.server.ingest import deleted, merge
from holdfast.server.ingest.base import INLINE_BYTES, Base, fresh
from holdfast.server.ingest.errors import digest_mismatch, invalid
from holdfast.server.metastore import Transaction, contents, journals, runs
from holdfast.server.metastore.contents import Content, HeldFile
from holdfast.server.metastore.journals import HeldJournal
from holdfast.wire import FileEntry, PartAnswer, check_digest, check_file_path

__all__ = ["forget_file", "name_files", "put_file", "put_part", "upload_state"]


def name_files(
    base: Base,
    run: RunPath,
    journal: str | None,
    files: Sequence[FileEntry],
    blobs: Sequence[tuple[str, bytes]] = (),
) -> list[str]:
    """See `Ingest.name_files`."""
    for file in files:
        check_file_path(file.path)
        check_digest(file.digest)
    brought = _stored(base, run.entity, dict(blobs))
    wanted = [*brought, *(file.digest for file in files)]
    with base.locks.of(run), base.store.write(durable=False) as tx:
        held = _must_hold(tx, run, journal)
        known = contents.known(tx, run.entity, wanted)
        there = contents.files_at(tx, held.pk, (file.path for file in files))
        arrived = [content for digest, content in brought.items() if digest not in known]
        known.update((content.digest, content.size) for content in arrived)
        _check_sizes(files, known)
        named = [
            HeldFile(file.path, file.size, file.digest) for file in files if file.digest in known
        ]
        new = [file for file in named if there.get(file.path) != file]
        contents.add(tx, run.entity, arrived, base.clock())
        if arrived or new:
            contents.name(tx, held.pk, new, there, base.clock())
            heads = {}
            if held.claim is not None:  # what it said of the files is not so any more
                journals.drop_claim(tx, held.pk)
                heads = merge.heads(runs.facts_of(tx, held.run_pk))
            runs.update_run(tx, held.run_pk, heads)
    return list(dict.fromkeys(file.digest for file in files if file.digest not in known))


def upload_state(base: Base, entity: str, digest: str) -> PartAnswer:
    """See `Ingest.upload_state`."""
    with base.store.read() as tx:
        there = contents.known(tx, entity, [check_digest(digest)])
    if digest in there:
        return PartAnswer(there[digest], complete=True)
    return PartAnswer(base.blobs.uploaded(_upload(entity, digest)), complete=False)


def put_part(
    base: Base, entity: str, digest: str, part: tuple[int, bytes], size: int
) -> PartAnswer:
    """Take a part, given as (offset, bytes); see `Ingest.put_part`."""
    offset, data = part
    upload = _upload(entity, check_digest(digest))
    if offset + len(data) > size:
        raise invalid(f"a part up to byte {offset + len(data)} of a blob of {size}", "check both")
    with base.locks.of(upload):
        with base.store.read() as tx:
            known = contents.known(tx, entity, [digest])
        if digest in known:
            return PartAnswer(known[digest], complete=True)
        there = base.blobs.append(upload, offset, data)
        if there < size:
            return PartAnswer(there, complete=False)
        _finish(base, upload, entity, digest, size)
    return PartAnswer(size, complete=True)


def put_file(
    base: Base, run: RunPath, journal: str, path: str, pieces: Iterable[bytes]
) -> FileEntry:
    """See `Ingest.put_file`."""
    hasher, size = hashlib.sha256(), 0

    def hashed() -> Iterator[bytes]:
        nonlocal size
        for piece in pieces:
            hasher.update(piece)
            size += len(piece)
            yield piece

    blob = _new_blob()  # its digest is not known before it is written
    base.blobs.put(blob, hashed())
    digest = f"sha256:{hasher.hexdigest()}"
    with base.store.write(durable=False) as tx:
        known = bool(contents.known(tx, run.entity, [digest]))
        if not known:
            contents.add(tx, run.entity, [Content(digest, size, blob, 0, None)], base.clock())
    if known:
        base.blobs.delete(blob)
    entry = FileEntry(path, size, digest)
    name_files(base, run, journal, [entry])
    return entry


def forget_file(base: Base, run: RunPath, path: str) -> bool:
    """See `Ingest.forget_file`."""
    with base.locks.of(run), base.store.write(durable=False) as tx:
        said = runs.said_of(tx, run)
        gone = said is not None and contents.forget(tx, said.pk, path)
        if said is not None and gone:
            runs.update_run(tx, said.pk, {})
    return gone


def _must_hold(tx: Transaction, run: RunPath, journal: str | None) -> HeldJournal:
    held = journals.last(tx, run) if journal is None else journals.find(tx, run, journal)
    if held is not None and (journal is not None or held.role):
        return held
    deleted.check(tx, run)
    which = f"{journal} of run {run}" if journal else f"of run {run} that the server writes last"
    raise NotFoundError(f"no journal {which}", "send its chunks first")


def _stored(base: Base, entity: str, blobs: Mapping[str, bytes]) -> dict[str, Content]:
    """Bytes that come with their names: inline, to be packed later; those of a long file, a blob.

    A blob of bytes that are known is not made, and one of two made at once is swept.
    """
    long = [digest for digest, data in blobs.items() if len(data) >= INLINE_BYTES]
    if long:
        with base.store.read() as tx:
            known = contents.known(tx, entity, long)
        long = [digest for digest in long if digest not in known]
    stored = {}
    for digest, data in blobs.items():
        if digest in long:
            blob = _new_blob()
            base.blobs.put(blob, [data])
            stored[digest] = Content(digest, len(data), blob, 0, None)
        elif len(data) < INLINE_BYTES:
            stored[digest] = Content(digest, len(data), None, 0, data)
    return stored


def _new_blob() -> str:
    token = fresh()
    return f"files/{token[:2]}/{token}"


def _check_sizes(files: Sequence[FileEntry], known: Mapping[str, int]) -> None:
    for file in files:
        size = known.get(file.digest, file.size)
        if size != file.size:
            raise invalid(
                f"{file.path[:200]!r} is said to have {file.size} bytes, its digest's has {size}",
                "read the file again",
            )


def _upload(entity: str, digest: str) -> str:
    """The name of an upload: an entity's name may have any characters, so its hash stands in."""
    return f"{hashlib.sha256(entity.encode()).hexdigest()[:16]}/{digest.partition(':')[2]}"


def _finish(base: Base, upload: str, entity: str, digest: str, size: int) -> None:
    found = hashlib.sha256()
    for data in base.blobs.read_upload(upload):
        found.update(data)
    digits = found.hexdigest()
    if digest != f"sha256:{digits}":
        base.blobs.drop(upload)  # nothing of it can be trusted: it begins anew
        raise digest_mismatch(digest)
    blob = f"files/{digits[:2]}/{digits}-{fresh()}"
    base.blobs.finish(upload, blob)
    with base.store.write(durable=False) as tx:
        if not contents.known(tx, entity, [digest]):
            contents.add(tx, entity, [Content(digest, size, blob, 0, None)], base.clock())
