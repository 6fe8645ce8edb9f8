"""The order of writes that makes a crash harmless: chunks, files, receipts.

What the API calls (`Ingest(store, blobs)`):

    position(run, journal) -> int
    chunk(run, journal, start, data, writer) -> int                PositionMismatch, RefusedError
    name_files(run, journal, files) -> list[str]                   the digests still missing
    upload_state(entity, digest) -> PartAnswer
    put_part(entity, digest, offset, size, data) -> PartAnswer     RefusedError offset_mismatch
    put_pack(entity, [(digest, bytes)]) -> int                     how many it holds
    receipt(run, journal, claim) -> Receipt                        RefusedError claim_mismatch
    flush(limit) -> int                                            journals written out
    sweep() -> int                                                     orphans removed

The url in a receipt's run is empty: the API knows its address and puts it in.
To read a file's bytes: `metastore.contents.find(tx, entity, digest)` says in which blob, from
which offset; then `BlobStore.open(blob, offset, offset + size)`.
"""
