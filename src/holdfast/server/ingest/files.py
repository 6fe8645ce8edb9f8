"""Files of a run: their bytes by digest, in parts or packs, and the names that point to them.

Bytes are durable, and known by their digest, before a name may point to them. Must not know
HTTP or what is in a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from holdfast.errors import NotFoundError
from holdfast.ids import RunPath
from holdfast.server.ingest import deleted, merge
from holdfast.server.ingest.base import Base, fresh
from holdfast.server.ingest.errors import digest_mismatch, invalid
from holdfast.server.metastore import Transaction, contents, journals, runs
from holdfast.server.metastore.contents import Content, HeldFile
from holdfast.server.metastore.journals import HeldJournal
from holdfast.wire import FileEntry, PartAnswer, check_digest, check_file_path

__all__ = ["forget_file", "name_files", "put_file", "put_part", "upload_state"]


def name_files(
    base: Base,
    run: RunPath,
    journal: str,
    files: Sequence[FileEntry],
    blobs: Sequence[tuple[str, bytes]] = (),
) -> list[str]:
    """See `Ingest.name_files`."""
    for file in files:
        check_file_path(file.path)
        check_digest(file.digest)
    known, packed = _packed(base, run, journal, dict(blobs)) if blobs else ({}, [])
    known.update((content.digest, content) for content in packed)
    with base.locks.of(run):
        with base.store.read() as tx:
            held = _must_hold(tx, run, journal)
            unsure = [file.digest for file in files if file.digest not in known]
            known.update(contents.known(tx, run.entity, unsure))
            paths = [file.path for file in files]
            there = {file.path: file for file in contents.files_of(tx, held.pk, paths)}
        _check_sizes(files, known)
        named = [
            HeldFile(file.path, file.size, file.digest) for file in files if file.digest in known
        ]
        new = [file for file in named if there.get(file.path) != file]
        if packed or new:
            with base.store.write(durable=False) as tx:
                contents.add(tx, run.entity, packed, base.clock())
                contents.name(tx, held.pk, new, there, base.clock())
                # what a claim said of the files is not so any more
                claimed = journals.drop_claim(tx, held.pk)
                heads = merge.heads(runs.facts_of(tx, held.run_pk)) if claimed else {}
                runs.update_run(tx, held.run_pk, heads)
    return list(dict.fromkeys(file.digest for file in files if file.digest not in known))


def upload_state(base: Base, entity: str, digest: str) -> PartAnswer:
    """See `Ingest.upload_state`."""
    with base.store.read() as tx:
        content = contents.find(tx, entity, check_digest(digest))
    if content is not None:
        return PartAnswer(content.size, complete=True)
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
            content = contents.find(tx, entity, digest)
        if content is not None:
            return PartAnswer(content.size, complete=True)
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

    token = fresh()
    blob = f"files/{token[:2]}/{token}"  # its digest is not known before it is written
    base.blobs.put(blob, hashed())
    digest = f"sha256:{hasher.hexdigest()}"
    with base.store.write(durable=False) as tx:
        known = contents.find(tx, run.entity, digest) is not None
        if not known:
            contents.add(tx, run.entity, [Content(digest, blob, 0, size)], base.clock())
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


def _must_hold(tx: Transaction, run: RunPath, journal: str) -> HeldJournal:
    held = journals.find(tx, run, journal)
    if held is None:
        deleted.check(tx, run)
        raise NotFoundError(f"no journal {journal} of run {run}", "send its chunks first")
    return held


def _packed(
    base: Base, run: RunPath, journal: str, blobs: dict[str, bytes]
) -> tuple[dict[str, Content], list[Content]]:
    """Store small blobs, by digest, as one or a part of one; those that are there are told apart.

    No lock of the run is held: others that bring files of it share the blob.
    """
    with base.store.read() as tx:
        _must_hold(tx, run, journal)
        known = contents.known(tx, run.entity, blobs)
    new = {digest: data for digest, data in blobs.items() if digest not in known}
    if not new:
        return known, []
    token = fresh()
    blob, offset = base.packer.put(base.blobs, f"packs/{token[:2]}/{token}", list(new.values()))
    packed = []
    for digest, data in new.items():
        packed.append(Content(digest, blob, offset, len(data)))
        offset += len(data)
    return known, packed


def _check_sizes(files: Sequence[FileEntry], known: dict[str, Content]) -> None:
    for file in files:
        content = known.get(file.digest)
        if content is not None and content.size != file.size:
            raise invalid(
                f"{file.path[:200]!r} is said to have {file.size} bytes, its digest's has "
                f"{content.size}",
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
        contents.add(tx, entity, [Content(digest, blob, 0, size)], base.clock())
