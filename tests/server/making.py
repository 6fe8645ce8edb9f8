"""Journals as bytes, made with the project's own encoder, for the tests of the server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.journal import HEADER
from holdfast.journal.framing import chunks
from holdfast.records import encode
from holdfast.records.encode import HistoryEncoder, RunInfo
from holdfast.wire import Claim, digest_of, journal_id

__all__ = ["START", "Made", "claim_of", "journal_of", "rows_of_training"]

START = 1_700_000_000.0


@dataclass
class Made:
    """A journal's bytes, its id, and the positions after its frames."""

    data: bytes
    journal: str
    ends: list[int] = field(default_factory=list)

    def pieces(self, frames: int) -> Iterable[tuple[int, bytes]]:
        """(start, bytes) of chunks of so many frames; the file's header goes with the first."""
        start = 0
        for end in [*self.ends[frames - 1 :: frames], self.ends[-1]]:
            if end > start:
                yield start, self.data[start:end]
                start = end


def journal_of(
    rows: Iterable[Mapping[str, Any]],
    *,
    run_id: str = "r1",
    start_time: float = START,
    before: Sequence[bytes] = (),
    after: Sequence[bytes] = (),
    exit_code: int | None = 0,
    runtime_since: int = 0,
    **said: Any,
) -> Made:
    """A journal of these rows; each is logged at its ``_step``, or one after the one before.

    Args:
        rows: history; ``_timestamp`` and ``_runtime`` are added.
        run_id: of the run record.
        start_time: of the run record, Unix seconds.
        before: records before the rows.
        after: records after them.
        exit_code: of the exit record; None leaves that out.
        runtime_since: of the run record, Unix milliseconds; if not 0, rows say no ``_runtime``.
        said: further fields of the run record; ``config`` a mapping.
    """
    config = said.pop("config", None)
    encoder = HistoryEncoder()
    info = RunInfo(run_id, start_time=start_time, **said)
    run_record = encode.run(info, config, runtime_since=runtime_since)
    payloads = [encode.header("holdfast test"), run_record, *before]
    step = -1
    for row in rows:
        step = row.get("_step", step + 1)
        clock = {"_timestamp": start_time + step}
        if not runtime_since:
            clock["_runtime"] = float(step)
        payloads.append(encoder.encode({**clock, **row, "_step": step}, step))
    payloads += after
    if exit_code is not None:
        payloads.append(encode.exit_record(exit_code, step))
    data = bytearray(HEADER)
    ends = []
    for payload in payloads:
        data += chunks(payload, len(data))
        ends.append(len(data))
    return Made(bytes(data), journal_id(run_record), ends)


def rows_of_training(steps: int, metrics: int = 8) -> list[dict[str, float]]:
    """Rows of so many metrics, no two values the same."""
    return [
        {f"train/metric_{m}": 1.0 / (1 + step + m / 7) for m in range(metrics)}
        for step in range(steps)
    ]


def claim_of(made: Made, *, files: int = 0, torn: int = 0, writer: str = "gone") -> Claim:
    """What a sender with this journal on its disk claims."""
    position = len(made.data)
    return Claim(position + torn, position, digest_of(made.data), torn, files, writer)
