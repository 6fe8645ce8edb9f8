"""The write side: positions, chunks, files, blobs, receipts.

Owns how a request becomes a call of `Ingest`. Must not know what a chunk holds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from holdfast.errors import RefusedError
from holdfast.server.api import shapes
from holdfast.server.api.answers import answer
from holdfast.server.api.bodies import read_body, read_json
from holdfast.server.api.parts import OwnEntity, OwnRun, PartsOf, SignedIn, run_ref, with_url
from holdfast.server.ingest.edits import relabel
from holdfast.wire import (
    ChunkAnswer,
    Claim,
    Edit,
    FileEntry,
    Given,
    PartAnswer,
    Receipt,
    check_digest,
    parse_pack,
    paths,
    plain_chunk,
)
from holdfast.wire.headers import DIGEST, ENCODING, WRITER, check_writer

__all__ = ["router"]

router = APIRouter(tags=["write"])


@router.get(paths.JOURNAL, response_model=shapes.Position)
def position(run: OwnRun, journal: str, parts: PartsOf) -> Response:
    """How far the server holds a journal."""
    return answer({"position": parts.ingest.position(run, journal)})


@router.post(paths.CHUNKS, response_model=ChunkAnswer)
async def chunk(
    request: Request, run: OwnRun, journal: str, start: int, parts: PartsOf
) -> Response:
    """Take bytes of a journal from position ``start`` on."""
    writer = check_writer(request.headers.get(WRITER, "unknown"))
    limit = parts.settings.limits.chunk_bytes
    body = await read_body(request, limit)

    def take() -> int:
        encoding, digest = request.headers.get(ENCODING, ""), request.headers.get(DIGEST)
        plain = plain_chunk(body, encoding, digest, limit)
        reached = parts.ingest.chunk(run, journal, start, plain, writer)
        parts.metrics.took("chunk", len(plain))
        return reached

    reached = await run_in_threadpool(take)
    return answer(ChunkAnswer(reached, run_ref(request, run)).to_json())


@router.post(paths.JOURNAL_FILES, response_model=shapes.Missing)
async def name_files(request: Request, run: OwnRun, journal: str, parts: PartsOf) -> Response:
    """Name files by digest, some with their bytes; those whose bytes are missing are told."""
    body = await read_body(request, parts.settings.limits.part_bytes)

    def take() -> list[str]:
        said, blobs = parse_pack(body)
        entries = FileEntry.list_from_json(said)
        missing = parts.ingest.name_files(run, journal, entries, blobs)
        parts.metrics.took("pack", sum(len(data) for _, data in blobs))
        return missing

    return answer({"missing": await run_in_threadpool(take)})


@router.post(paths.RECEIPT, response_model=Receipt)
async def receipt(request: Request, run: OwnRun, journal: str, parts: PartsOf) -> Response:
    """Compare the claim in the body with what is held, and give the receipt."""
    claim = Claim.from_json(await read_json(request, parts.settings.limits.json_bytes))
    given = await run_in_threadpool(parts.ingest.receipt, run, journal, claim)
    return answer(replace(given, run=with_url(request, given.run)).to_json())


@router.post(paths.RECEIPTS, response_model=shapes.Lapsed)
async def lapsed(request: Request, user: SignedIn, parts: PartsOf) -> Response:
    """Say which receipts, given before, hold no more."""
    given = Given.list_from_json(await read_json(request, parts.settings.limits.json_bytes))
    return answer({"lapsed": await run_in_threadpool(parts.ingest.lapsed, given)})


@router.post(f"{paths.RUN}/stop", response_model=shapes.Stop)
def stop(run: OwnRun, parts: PartsOf) -> Response:
    """Ask whoever writes the run live to stop; it hears of it when it next sends."""
    if parts.queries.run(run)["stop"] == "no":
        raise RefusedError(
            f"nobody who could be asked to stop writes run {run}",
            "only a run that a wandb client sends live can be stopped from here",
            status=422,
            code="invalid",
        )
    parts.ingest.request_stop(run)
    return answer({"stop": "requested"})


@router.post(paths.EDIT, response_model=shapes.Labels)
async def change(request: Request, run: OwnRun, parts: PartsOf) -> Response:
    """Change what the run says of itself, in a journal of edits."""
    wanted = Edit.from_json(await read_json(request, parts.settings.limits.json_bytes))

    def act() -> dict[str, Any]:
        relabel(parts.ingest, run, wanted)
        found = parts.queries.run(run)
        return {"job_type": found["job_type"], "tags": found["tags"]}

    return answer(await run_in_threadpool(act))


@router.post(paths.READMIT, response_model=shapes.Readmitted)
def readmit(run: OwnRun, parts: PartsOf) -> Response:
    """Take a run again that was deleted."""
    parts.ingest.readmit(run)
    return answer({"deleted": False})


@router.get(paths.BLOB, response_model=PartAnswer)
def upload_state(entity: OwnEntity, digest: str, parts: PartsOf) -> Response:
    """How much of a blob is there."""
    return answer(parts.ingest.upload_state(entity, check_digest(digest)).to_json())


@router.put(paths.BLOB, response_model=PartAnswer)
async def put_part(
    request: Request, entity: OwnEntity, digest: str, offset: int, size: int, parts: PartsOf
) -> Response:
    """Take the next part of a blob of ``size`` bytes."""
    digest = check_digest(digest)
    data = await read_body(request, parts.settings.limits.part_bytes)
    state = await run_in_threadpool(parts.ingest.put_part, entity, digest, offset, size, data)
    parts.metrics.took("part", len(data))
    return answer(state.to_json())
