"""The write-side HTTP contract as code: paths, headers, bodies, digests, refusals.

Owns what travels between `sync` and a server and what each side may expect of the other.
Must not know who sends, who stores, or what a record means. `wire.http` is the one home of
urllib3 and is imported by those who send only.
"""

from __future__ import annotations

from holdfast.wire.bodies import (
    compress,
    decompress,
    gather_body,
    make_pack,
    parse_json,
    parse_pack,
    plain_chunk,
    too_large,
)
from holdfast.wire.digests import check_digest, digest_of
from holdfast.wire.messages import (
    ChunkAnswer,
    Claim,
    Edit,
    FileEntry,
    Given,
    PartAnswer,
    Receipt,
    RunRef,
    Viewer,
    check_file_path,
)
from holdfast.wire.paths import JournalPath, journal_id
from holdfast.wire.refusals import ERRORS, error_body, refusal
from holdfast.wire.room import Room

__all__ = [
    "ERRORS",
    "ChunkAnswer",
    "Claim",
    "Edit",
    "FileEntry",
    "Given",
    "JournalPath",
    "PartAnswer",
    "Receipt",
    "Room",
    "RunRef",
    "Viewer",
    "check_digest",
    "check_file_path",
    "compress",
    "decompress",
    "digest_of",
    "error_body",
    "gather_body",
    "journal_id",
    "make_pack",
    "parse_json",
    "parse_pack",
    "plain_chunk",
    "refusal",
    "too_large",
]
