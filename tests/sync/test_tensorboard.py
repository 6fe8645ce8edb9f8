"""Event files of real writers become journals that grow with them: each value, once, in its row."""

from __future__ import annotations

import json
import math
import shutil
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import Server, holdfast_command

from holdfast.errors import DamagedError, StorageError, UsageError
from holdfast.journal import Frame, scan
from holdfast.records.decode import history_row, kind, parse
from holdfast.sync.event_files import EventFile, event_files
from holdfast.sync.tensorboard import Conversion, convert

_DATA = Path(__file__).parents[1] / "data" / "tensorboard"
_TRUTH: dict[str, list[list[Any]]] = json.loads((_DATA / "truth.json").read_text())
_NAMES = ["keras", "tensorboardx", "types"]


def copy(tmp_path: Path, name: str) -> Path:
    return Path(shutil.copytree(_DATA / name, tmp_path / name))


def points(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    """Every scalar as (key, step, value), in words, so that NaN equals itself."""
    return Counter(
        repr((key, row["global_step"], float(value)))
        for row in rows
        for key, value in row.items()
        if key != "global_step" and not key.startswith("_")
    )


def truth(name: str) -> Counter[str]:
    said: Counter[str] = Counter()
    for path, scalars in _TRUTH.items():
        if path.startswith(f"{name}/"):
            prefix = path[len(name) + 1 :].rpartition("/")[0]
            said.update(
                repr((f"{prefix}/{tag}" if prefix else tag, step, float(value)))
                for tag, step, _, value in scalars
            )
    assert said
    return said


def payloads(done: Conversion) -> list[bytes]:
    assert done.run_dir is not None
    items = list(scan(done.run_dir.journal.read_bytes()))
    assert all(isinstance(item, Frame) for item in items)
    return [item.payload for item in items if isinstance(item, Frame)]


def rows_of(done: Conversion) -> list[dict[str, Any]]:
    """The rows of a journal, flat."""
    found = []
    for payload in payloads(done):
        if kind(payload) == "history":
            row = history_row(parse(payload).history)
            found.append(dict(row))
    return found


def first_events(file: Path, count: int) -> int:
    """Where so many events of a file end."""
    data, at = file.read_bytes(), 0
    for _ in range(count):
        at += 16 + struct.unpack_from("<Q", data, at)[0]
    return at


@pytest.mark.parametrize("name", _NAMES)
def test_each_scalar_is_there_once_and_again_nothing_is_new(tmp_path: Path, name: str) -> None:
    folder = copy(tmp_path, name)
    done = convert(folder)
    rows = rows_of(done)
    assert points(rows) == truth(name)
    assert [row["_step"] for row in rows] == list(range(len(rows)))
    assert done.rows == len(rows)
    assert done.run_dir is not None
    before = done.run_dir.journal.read_bytes()
    again = convert(folder)
    assert (again.run_dir, again.rows) == (done.run_dir, 0)
    assert done.run_dir.journal.read_bytes() == before
    shutil.rmtree(folder / "wandb")
    moved = folder.rename(tmp_path / "elsewhere").rename(tmp_path / name)
    anew = convert(moved)
    assert anew.run_dir is not None
    assert anew.run_dir.journal.read_bytes() == before


def test_tags_of_one_step_are_one_row_with_the_time_of_the_last(tmp_path: Path) -> None:
    rows = rows_of(convert(copy(tmp_path, "tensorboardx")))
    assert len(rows) == 41
    assert {key for key in rows[3] if key[0] != "_"} == {"loss", "acc/top1", "global_step"}
    assert (rows[3]["global_step"], rows[3]["_timestamp"]) == (30, 1_790_000_003.25)
    assert math.isnan(rows[40]["nan"])
    assert rows[40]["late"] == -2.5


def test_what_is_no_scalar_is_counted(tmp_path: Path) -> None:
    assert convert(copy(tmp_path, "tensorboardx")).others == {"histogram": 2, "text": 1}
    assert convert(copy(tmp_path, "types")).others == {"text": 3, "image": 3, "tensor": 3}


def test_a_journal_grows_with_its_files_whatever_byte_they_were_cut_at(tmp_path: Path) -> None:
    [whole] = event_files(_DATA / "tensorboardx")
    data = whole.read_bytes()
    folder = tmp_path / "logs"
    folder.mkdir()
    file = folder / whole.name
    before = b""
    for size in [
        0,
        5,
        first_events(whole, 3),
        first_events(whole, 4) + 7,
        len(data) - 1,
        len(data),
    ]:
        file.write_bytes(data[:size])
        done = convert(folder)
        assert done.damaged == []
        if done.run_dir is not None:
            now = done.run_dir.journal.read_bytes()
            assert now.startswith(before)
            before = now
    assert points(rows_of(done)) == truth("tensorboardx")
    assert len(list((folder / "wandb").glob("offline-run-*"))) == 1


def test_the_id_stays_when_events_of_an_earlier_time_arrive_late(tmp_path: Path) -> None:
    folder = copy(tmp_path, "keras")
    early = event_files(folder)[0]
    data = early.read_bytes()
    early.write_bytes(data[: first_events(early, 1)])  # begun first, and nothing more is flushed
    first = convert(folder)
    early.write_bytes(data)
    assert convert(folder).run_dir == first.run_dir
    assert points(rows_of(convert(folder))) == truth("keras")


@given(cuts=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=5))
@settings(max_examples=30, deadline=None)
def test_files_that_grow_in_turns_by_any_number_of_bytes(cuts: list[tuple[float, float]]) -> None:
    with TemporaryDirectory() as temporary:
        folder = copy(Path(temporary), "keras")
        whole = {file: file.read_bytes() for file in event_files(folder)}
        sizes = dict.fromkeys(whole, 0)
        for cut in [*cuts, (1.0, 1.0)]:
            for (file, data), part in zip(whole.items(), cut, strict=True):
                sizes[file] = max(sizes[file], 78, round(part * len(data)))  # its header at least
                file.write_bytes(data[: sizes[file]])
            done = convert(folder)
            assert done.damaged == []
        assert points(rows_of(done)) == truth("keras")
        assert len(list((folder / "wandb").glob("offline-run-*"))) == 1


@pytest.mark.parametrize("at", [2, 20], ids=["in the length", "in the event"])
def test_damage_costs_the_event_that_it_touches(tmp_path: Path, at: int) -> None:
    folder = copy(tmp_path, "tensorboardx")
    [file] = event_files(folder)
    start, end = first_events(file, 10), first_events(file, 11)
    data = bytearray(file.read_bytes())
    data[start + at] ^= 0x40
    file.write_bytes(data)
    done = convert(folder)
    assert done.damaged == [(file, start, end)]
    lost = truth("tensorboardx") - points(rows_of(done))
    assert sum(lost.values()) == 1
    assert points(rows_of(done)) + lost == truth("tensorboardx")
    assert convert(folder).damaged == []


def test_a_tail_of_zeros_is_damage_to_the_end(tmp_path: Path) -> None:
    folder = copy(tmp_path, "tensorboardx")
    [file] = event_files(folder)
    size = file.stat().st_size
    file.write_bytes(file.read_bytes() + bytes(4096))
    done = convert(folder)
    assert done.damaged == [(file, size, size + 4096)]
    assert points(rows_of(done)) == truth("tensorboardx")


def test_nothing_is_made_of_files_without_scalars(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "events.out.tfevents.1.host").write_bytes(b"")
    done = convert(folder)
    assert (done.files, done.run_dir) == (1, None)
    assert not (folder / "wandb").exists()


def test_event_files_of_run_folders_are_not_taken(tmp_path: Path) -> None:
    folder = copy(tmp_path, "keras")
    done = convert(folder)
    assert done.run_dir is not None
    shutil.copytree(_DATA / "types", done.run_dir.files / "types")
    assert len(event_files(folder)) == 2
    assert convert(folder).rows == 0


def test_one_file_another_id_and_another_place(tmp_path: Path) -> None:
    [file] = event_files(copy(tmp_path, "types"))
    done = convert(file, tmp_path / "runs" / "wandb", run_id="mine")
    assert done.run_dir is not None
    assert done.run_dir.journal.parents[1] == tmp_path / "runs" / "wandb"
    assert done.run_dir.run_id == "mine"
    with pytest.raises(UsageError, match="run id"):
        convert(file, run_id="a/b")


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    folder = copy(tmp_path, "types")
    (folder / "wandb").write_text("")
    with pytest.raises(StorageError, match="WANDB_DIR"):
        convert(folder)


def test_a_journal_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    folder = copy(tmp_path, "types")
    done = convert(folder)
    assert done.run_dir is not None
    data = bytearray(done.run_dir.journal.read_bytes())
    data[200] ^= 1
    done.run_dir.journal.write_bytes(data)
    with pytest.raises(DamagedError, match="damaged"):
        convert(folder)


def test_events_are_read_from_where_an_earlier_reading_ended(tmp_path: Path) -> None:
    [file] = event_files(copy(tmp_path, "tensorboardx"))
    first = EventFile(file)
    all_of_it = list(first.events())
    assert first.offset == file.stat().st_size
    assert list(first.events()) == []
    before = first_events(file, 5)
    later = [event.wall_time for event in EventFile(file, before).events()]
    times = [event.wall_time for event in all_of_it]
    assert times[len(times) - len(later) :] == later
    assert len(times) - len(later) in (3, 4)  # beside what the file is, and a histogram perhaps


def sent(server: Server, folder: Path, *words: str) -> tuple[str, Sequence[dict[str, Any]]]:
    done = holdfast_command("sync", "--sync-tensorboard", *words, str(folder), server=server)
    assert done.returncode == 0, done.stdout + done.stderr
    [run] = server.api().runs("local/logs")
    return done.stderr, list(run.scan_history())


def test_to_a_real_server_and_again_when_the_files_have_grown(tmp_path: Path) -> None:
    folder = copy(tmp_path, "keras")
    late = event_files(folder)[1]
    data = late.read_bytes()
    late.write_bytes(data[:700])
    with Server(tmp_path / "server") as server:
        words = ("-p", "logs")
        said, some = sent(server, folder, *words)
        assert "not taken, being no scalars: 6 histograms" in said
        assert points(some) < truth("keras")
        late.write_bytes(data)
        _, rows = sent(server, folder, *words)
        assert points(rows) == truth("keras")
        said, again = sent(server, folder, *words)
        assert again == rows
        assert "0 new rows" in said
        [run] = server.api().runs("local/logs")
        assert (run.name, run.state, run.proof) == ("keras", "finished", "confirmed")
        cleaned = holdfast_command("verify", "--server", str(folder), server=server)
        assert cleaned.returncode == 0, cleaned.stdout
        # the folder is lost: the grown files give another journal of the same run
        shutil.rmtree(folder / "wandb")
        _, anew = sent(server, folder, *words)
        assert points(anew) == truth("keras")
