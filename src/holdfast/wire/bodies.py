"""Bodies of the write side: compression with a limit, and packs of small blobs.

Owns the bytes of a request's body. Must not know frames, records or files.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Any

from holdfast.errors import RefusedError
from holdfast.wire.digests import check_digest, digest_of

__all__ = [
    "compress",
    "decompress",
    "gather_body",
    "make_pack",
    "parse_json",
    "parse_pack",
    "plain_chunk",
    "refuse_constant",
    "too_large",
]

_LEVEL = 1  # rows compress well at once; higher levels cost more time than the bytes they save
_PIECE_BYTES = 16 << 20  # what is over the limit is never put together
_ANY_HEADER = 32  # zlib's word for: see by the first bytes whether it is zlib or gzip


def compress(data: bytes | memoryview) -> bytes:
    """The zlib form of ``data`` (``Content-Encoding: deflate``)."""
    return zlib.compress(data, _LEVEL)


def decompress(data: bytes, limit: int) -> bytes:
    """The bytes that `compress` was given, at most ``limit`` of them. Takes gzip too.

    Never holds more than ``limit`` bytes and a little, whatever ``data`` would expand to.

    Raises:
        RefusedError: 413 ``too_large`` over the limit, 422 ``digest_mismatch`` when ``data`` is
            no whole zlib stream (damaged on the way).
    """
    stream = zlib.decompressobj(zlib.MAX_WBITS | _ANY_HEADER)
    plain: list[bytes] = []
    size = 0
    while not stream.eof:
        try:
            piece = stream.decompress(data, min(_PIECE_BYTES, limit + 1 - size))
        except zlib.error as error:
            raise _damaged(str(error)) from error
        data = stream.unconsumed_tail
        if not piece and not data and not stream.eof:
            raise _damaged("it ends too early")
        size += len(piece)
        if size > limit:
            what = f"body of more than {limit} bytes after decompression"
            raise _over(limit, what, "send smaller chunks")
        plain.append(piece)
    if stream.unused_data:
        raise _damaged("bytes follow its end")
    return b"".join(plain)


async def gather_body(pieces: AsyncIterable[bytes], announced: str, limit: int) -> bytes:
    """The whole body that arrives in ``pieces``, at most ``limit`` bytes of it.

    Args:
        pieces: as they arrive.
        announced: the value of Content-Length, empty for none.
        limit: bytes.

    Raises:
        RefusedError: 413 ``too_large``, before more than ``limit`` bytes are held.
    """
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise too_large(limit)
    held: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        held.append(piece)
    return held[0] if len(held) == 1 else b"".join(held)


def too_large(limit: int) -> RefusedError:
    """The refusal (413 ``too_large``) of a body that is longer than ``limit`` bytes."""
    return _over(limit, f"the body is longer than {limit} bytes", "send it in smaller parts")


def _over(limit: int, what: str, do: str) -> RefusedError:
    return RefusedError(what, do, status=413, code="too_large", detail={"limit": limit})


def make_pack(said: Mapping[str, Any], blobs: Sequence[tuple[str, bytes]]) -> bytes:
    r"""One body of a JSON object and the bytes of small blobs, given as (digest, bytes).

    >>> make_pack({"files": []}, [])
    b'{"files":[],"packed":[]}\n'
    """
    index = [{"digest": digest, "size": len(data)} for digest, data in blobs]
    head = json.dumps({**said, "packed": index}, separators=(",", ":")).encode()
    return b"".join([head, b"\n", *(data for _, data in blobs)])


def parse_pack(body: bytes) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """The object of a pack and its blobs as (digest, bytes), each checked against its digest.

    An object alone, without ``packed`` and on one line, is a pack of no blobs.

    Raises:
        RefusedError: 400 ``bad_request`` for a malformed pack, 422 ``digest_mismatch`` when the
            bytes of a blob are not what its digest says.
    """
    head, _, rest = body.partition(b"\n")
    try:
        said = _strict(head)
        index = said.get("packed", [])
        sizes = [(check_digest(item["digest"]), _size(item["size"])) for item in index]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _bad_pack("its first line is no object with a list of {digest, size}") from error
    blobs = []
    at = 0
    for digest, size in sizes:
        data = rest[at : at + size]
        at += size
        if len(data) != size or digest_of(data) != digest:
            raise RefusedError(
                f"the bytes of blob {digest} are not what its digest says",
                "send it again",
                status=422,
                code="digest_mismatch",
            )
        blobs.append((digest, data))
    if at != len(rest):
        raise _bad_pack(f"{len(rest) - at} bytes follow its last blob")
    return said, blobs


def plain_chunk(body: bytes, encoding: str, digest: str | None, limit: int) -> bytes:
    """The plain bytes of a chunk, proven to be what their digest says.

    Args:
        body: as it was sent.
        encoding: the value of Content-Encoding, empty for none.
        digest: the value of Holdfast-Digest; a chunk of no bytes needs none.
        limit: bytes.

    Raises:
        RefusedError: 400 for an encoding we do not take or a missing digest, 413 when it unpacks
            to more than ``limit`` bytes, 422 when it is damaged.
    """
    encoding = encoding.lower()
    if encoding not in {"", "identity", "deflate"}:
        raise _malformed(f"content encoding {encoding[:40]!r} is not taken; send deflate or plain")
    plain = decompress(body, limit) if encoding == "deflate" and body else body
    if digest is None and not plain:
        return plain
    if check_digest(digest or "") != digest_of(plain):
        raise RefusedError(
            "the chunk is not what its digest says",
            "send it again",
            status=422,
            code="digest_mismatch",
        )
    return plain


def parse_json(body: bytes) -> Any:
    """A body that is JSON, strictly: NaN is none.

    Raises:
        RefusedError: 400 ``bad_request`` when it is not.
    """
    try:
        return _strict(body)
    except (ValueError, RecursionError) as error:
        raise _malformed("the body is not JSON") from error


def _strict(text: bytes) -> Any:
    return json.loads(text, parse_constant=refuse_constant)


def refuse_constant(name: str) -> float:
    """For `json.loads`, which takes NaN and its like: they are no JSON.

    Raises:
        ValueError: always.
    """
    raise ValueError(name)


def _size(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(value)
    return value


def _bad_pack(why: str) -> RefusedError:
    return _malformed(f"malformed pack: {why}")


def _malformed(what: str) -> RefusedError:
    return RefusedError(what, "see docs/formats/http.md", status=400, code="bad_request")


def _damaged(why: str) -> RefusedError:
    return RefusedError(
        f"the compressed body cannot be read: {why}",
        "send it again",
        status=422,
        code="digest_mismatch",
    )
