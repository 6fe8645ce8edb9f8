"""The note in a `run` record that its journal was repaired: which journals it stands for.

Owns writing it. `Replay` reads it. Must not know how a journal is repaired.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.records.decode import parse

__all__ = ["note_repair"]


def note_repair(
    run_payload: bytes, replaces: Iterable[str], gaps: Iterable[tuple[int, int]]
) -> bytes:
    """A `run` record that says all that ``run_payload`` says, and that its journal was repaired.

    Args:
        run_payload: the record; what it says of an earlier repair stays.
        replaces: ids of the journals that the repaired one stands for.
        gaps: (start, end) of what could not be read of them, in bytes.

    Raises:
        DamagedError: the payload is no record.
    """
    record = parse(run_payload)
    note = record.run.repaired
    note.replaces.extend(one for one in dict.fromkeys(replaces) if one not in note.replaces)
    for start, end in gaps:
        note.gaps.add(start=start, end=end)
    data: bytes = record.SerializeToString(deterministic=True)
    return data
