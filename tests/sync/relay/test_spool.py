"""The spool alone: what a kill in the middle of a write leaves, and what a start makes of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from sync.test_transport_contract import DATA, ENDS, OF

from holdfast.errors import RefusedError, StorageError
from holdfast.sync.relay.spool import Spool
from holdfast.wire import Claim, FileEntry, digest_of


def again(spool: Spool) -> Spool:
    spool.close()
    return Spool(spool.folder)


def journal(spool: Spool) -> Path:
    (found,) = spool.folder.glob("runs/*/run.wandb")
    return found


@pytest.mark.parametrize("torn", [b"\0", b"\0" * 5000, DATA[ENDS[4] : ENDS[5] - 1], b"\xff" * 40])
def test_bytes_that_were_never_answered_are_written_over(tmp_path: Path, torn: bytes) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append(OF, 0, DATA[: ENDS[4]], "alive")
    with journal(spool).open("ab") as file:
        file.write(torn)
    spool = again(spool)
    assert spool.position(OF) == ENDS[4]
    assert spool.append(OF, ENDS[4], DATA[ENDS[4] :], "gone") == len(DATA)
    assert journal(spool).read_bytes() == DATA
    spool.close()


def test_frames_that_were_never_answered_are_there_all_the_same(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append(OF, 0, DATA[: ENDS[4]], "alive")
    with journal(spool).open("ab") as file:
        file.write(DATA[ENDS[4] : ENDS[6] + 3])
    spool = again(spool)
    assert spool.position(OF) == ENDS[6]
    with pytest.raises(RefusedError) as caught:
        spool.append(OF, ENDS[4], DATA[ENDS[4] :], "gone")
    assert caught.value.detail == {"position": ENDS[6]}
    spool.close()


def test_a_spool_that_somebody_cut_takes_the_rest_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append(OF, 0, DATA[: ENDS[4]], "alive")
    with journal(spool).open("r+b") as file:
        file.truncate(ENDS[2])
    with pytest.raises(StorageError, match="shorter than it was"):
        spool.append(OF, ENDS[4], DATA[ENDS[4] :], "alive")
    assert spool.position(OF) == ENDS[2]
    assert spool.append(OF, ENDS[2], DATA[ENDS[2] :], "gone") == len(DATA)
    assert journal(spool).read_bytes() == DATA
    spool.close()


def test_a_run_folder_that_was_half_made_is_none(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    half = spool.folder / "runs" / ".half"
    half.mkdir()
    (half / "run.wandb").write_bytes(b"")
    spool = again(spool)
    assert not half.exists()
    assert list(spool.find()) == []
    spool.close()


def test_a_run_is_given_out_once_its_name_is_proven(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append(OF, 0, DATA[: ENDS[0]], "alive")  # the header's frame: not the run's name yet
    assert list(spool.find()) == []
    spool.append(OF, ENDS[0], DATA[ENDS[0] : ENDS[3]], "alive")
    (run_dir,) = spool.find()
    wishes = spool.wishes(run_dir)
    assert (wishes.entity, wishes.project, wishes.run_id) == OF.run
    assert list(spool.find()) == []
    other = OF._replace(journal="0" * 32)
    spool.append(other, 0, DATA, "gone")
    assert list(spool.find()) == []
    with pytest.raises(RefusedError, match="first run record has another digest"):
        spool.check(other, Claim(len(DATA), len(DATA), digest_of(DATA), 0, 0, "gone"))
    spool.close()


def test_who_writes_is_known_from_the_sender_alone(tmp_path: Path) -> None:
    now = [0.0]
    spool = Spool(tmp_path / "spool", clock=lambda: now[0])
    spool.append(OF, 0, DATA, "alive")
    (run_dir,) = spool.find()
    assert spool.writer(run_dir) == "alive"
    now[0] = 1000.0
    assert spool.writer(run_dir) == "unknown"  # its sender is silent
    spool.append(OF, len(DATA), b"", "gone")
    assert spool.writer(run_dir) == "unknown"  # files may be on their way
    spool.check(OF, Claim(len(DATA), len(DATA), digest_of(DATA), 0, 0, "gone"))
    assert spool.writer(run_dir) == "gone"
    spool = again(spool)
    (run_dir,) = spool.find()
    assert spool.writer(run_dir) == "gone"
    spool.close()


def test_parts_go_on_after_a_kill(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    data = bytes(range(256)) * 40
    digest = digest_of(data)
    spool.append(OF, 0, DATA, "gone")
    spool.blobs.put_part(digest, 0, len(data), data[:5000])
    (part,) = spool.folder.rglob("*.part")
    with part.open("ab") as file:
        file.write(data[5000:])  # whole, and killed before it got its name
    spool = again(spool)
    assert spool.name_files(OF, [FileEntry("a", len(data), digest)]) == [digest]
    assert spool.blobs.state(digest).offset == len(data)
    assert spool.blobs.put_part(digest, len(data), len(data), b"").complete
    assert spool.name_files(OF, [FileEntry("a", len(data), digest)]) == []
    part.write_bytes(b"")
    assert spool.blobs.state(digest).complete
    with pytest.raises(RefusedError, match="not what their digest"):
        spool.blobs.put_part(digest_of(b"other"), 0, 5, b"wrong")
    assert spool.blobs.state(digest_of(b"other")).offset == 0
    spool.close()


def test_bytes_whose_name_is_not_durable_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the first try, and not at a later one that finds the name."""
    spool = Spool(tmp_path / "spool")
    part, whole = b"a part", b"a whole"
    sync, broken = os.fsync, [spool.folder / "runs", spool.folder / "blobs"]

    def fsync(fd: int) -> None:
        if any(os.path.samestat(os.fstat(fd), os.stat(folder)) for folder in broken):
            raise OSError(errno.EIO, "Input/output error")
        sync(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    for _ in range(2):
        with pytest.raises(StorageError):
            spool.blobs.put_part(digest_of(part), 0, len(part), part)
        with pytest.raises(StorageError):
            spool.blobs.put([(digest_of(whole), whole)])
        with pytest.raises(StorageError):
            spool.append(OF, 0, DATA, "alive")
    broken.clear()
    assert spool.blobs.put_part(digest_of(part), 0, len(part), part).complete
    spool.blobs.put([(digest_of(whole), whole)])
    assert spool.append(OF, 0, DATA, "alive") == len(DATA)
    spool.close()


def test_two_relays_in_one_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    with pytest.raises(StorageError, match="another relay"):
        Spool(tmp_path / "spool")
    again(spool).close()
