"""A disk without room: the answer says so, nothing is half stored, and sending again works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server.held import RUN, Held
from server.making import Made, claim_of, journal_of, rows_of_training

from holdfast.errors import RefusedError
from holdfast.server.ingest import chunks
from holdfast.wire import FileEntry, digest_of


def fill_database(held: Held, *, full: bool) -> None:
    """Let SQLite say by itself that it is full: it may grow no further, or at will."""
    held.store.close()  # so that each connection is made anew with the limit below

    from sqlalchemy import event

    engine = held.store._engine

    def limit(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        pages = cursor.execute("PRAGMA page_count").fetchone()[0] if full else 1 << 30
        cursor.execute(f"PRAGMA max_page_count={pages}")
        cursor.close()

    event.listen(engine, "connect", limit)


def writes(held: Held, made: Made) -> dict[str, Callable[[], object]]:
    data = os.urandom(20_000)
    return {
        "chunk": lambda: held.ingest.chunk(
            RUN, made.journal, made.ends[99], made.data[made.ends[99] :], "gone"
        ),
        "pack": lambda: held.ingest.name_files(
            RUN, made.journal, [], [(digest_of(data[n:]), data[n:]) for n in range(200)]
        ),
        "names": lambda: held.ingest.name_files(
            RUN,
            made.journal,
            [FileEntry(f"{n}/{'x' * 500}", 1, digest_of(b"x")) for n in range(50)],
        ),
    }


@pytest.mark.parametrize("what", ["chunk", "pack", "names"])
def test_a_full_database(tmp_path: Path, what: str) -> None:
    held = Held(tmp_path)
    made = journal_of(rows_of_training(500))
    assert len(made.data) < chunks.INLINE_BYTES
    held.ingest.chunk(RUN, made.journal, 0, made.data[: made.ends[99]], "alive")
    held.ingest.name_files(RUN, made.journal, [], [(digest_of(b"x"), b"x")])
    fill_database(held, full=True)
    before = held.everything()
    call = writes(held, made)[what]
    with pytest.raises(RefusedError) as caught:
        call()
    assert (caught.value.status, caught.value.code) == (507, "storage_full")
    assert held.everything() == before
    held.close()
    again = Held(tmp_path)
    assert again.everything() == before
    assert again.ingest.position(RUN, made.journal) == made.ends[99]
    writes(again, made)[what]()
    again.close()


WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from holdfast.errors import RefusedError
from server.held import RUN, Held
from server.making import journal_of, rows_of_training
from holdfast.wire import digest_of

held = Held(Path(sys.argv[1]))
made = journal_of(rows_of_training(4000))
held.ingest.chunk(RUN, made.journal, 0, made.data[: made.ends[99]], "alive")
before = held.everything()
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
data = bytes(2 << 20)
for call in (
    lambda: held.ingest.chunk(RUN, made.journal, made.ends[99], made.data[made.ends[99]:], "gone"),
    lambda: held.ingest.name_files(RUN, made.journal, [], [(digest_of(data), data)]),
    lambda: held.ingest.put_part(RUN.entity, digest_of(data), 0, len(data), data),
):
    try:
        call()
    except RefusedError as error:
        print(error.status, error.code, held.everything() == before)
"""


def test_a_disk_without_room_for_blobs(tmp_path: Path) -> None:
    tests = Path(__file__).parents[2]
    command = [sys.executable, "-c", WITHOUT_ROOM, str(tmp_path)]
    child = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *sys.path])},
    )
    assert child.stdout.splitlines() == ["507 storage_full True"] * 3, child.stderr
    held = Held(tmp_path)
    assert list(held.blobs.list()) == []
    assert list(held.blobs.uploads()) == []
    made = journal_of(rows_of_training(4000))
    position = held.ingest.position(RUN, made.journal)
    assert position == made.ends[99]
    assert len(made.data) - position > (1 << 20)
    held.ingest.chunk(RUN, made.journal, position, made.data[position:], "gone")
    assert held.ingest.receipt(RUN, made.journal, claim_of(made)).rows == 4000
    held.close()
