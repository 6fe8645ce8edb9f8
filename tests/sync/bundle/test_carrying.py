"""Packing and unpacking: what comes out is what went in, or it is said what is not."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sync.bundle.carrying import carried, content, pack, unpacked
from sync.making import append_rows, context, make_run, rows, start_run
from sync.memory_server import MemoryServer
from sync.staging import artifact_record, files_of

from holdfast.errors import DamagedError, StorageError, UnconfirmedError, UsageError
from holdfast.rundir import RunDir
from holdfast.sync.bundle.pack import LEAST_VOLUME, Packer
from holdfast.sync.bundle.receipts import Carried, confirm
from holdfast.sync.bundle.unpack import find_volumes, volume_path
from holdfast.sync.one import sync_run
from holdfast.sync.report import Outcome
from holdfast.sync.retry import StoppedError
from holdfast.sync.wanted import Wanted

NOISE = random.Random(7).randbytes(3_000_000)


@pytest.fixture
def runs(tmp_path: Path) -> list[RunDir]:
    """Three runs: plain, one with media, folders, odd names and an empty file, one not ended."""
    wandb = tmp_path / "train" / "wandb"
    odd = {"media/a b/ü\n.png": NOISE[:70_000], "empty": b"", "n/" * 60 + "deep": b"x"}
    return [
        make_run(wandb, "aa", number=1, count=500),
        make_run(wandb, "bb", number=2, files={**odd, "model.bin": NOISE, "b": b"y" * 9_000_000}),
        make_run(wandb, "cc", number=3, finished=False),
    ]


def check(runs: list[RunDir], into: Path) -> None:
    for run_dir in runs:
        assert content(into / run_dir.path.name) == carried(run_dir)
    assert len(list(into.iterdir())) == len(runs)


def test_one_file(tmp_path: Path, runs: list[RunDir]) -> None:
    (runs[0].logs / "debug.log").write_text("noted\n")
    volumes, packed = pack(tmp_path / "x.tar.zst", runs)
    assert volumes == [tmp_path / "x.tar.zst"]
    assert [one.error for one in packed] == [None] * 3
    assert not list(tmp_path.glob("*.part"))
    found = unpacked(volumes, tmp_path / "into")
    assert [one.error for one in found] == [None] * 3
    assert [one.run_dir and one.run_dir.run_id for one in found] == ["aa", "bb", "cc"]
    check(runs, tmp_path / "into")
    journal = found[0].run_dir
    assert journal is not None
    assert journal.journal.stat().st_mtime_ns == runs[0].journal.stat().st_mtime_ns


def test_import_twice_doubles_nothing(tmp_path: Path, runs: list[RunDir]) -> None:
    volumes, _ = pack(tmp_path / "x.tar.zst", runs)
    unpacked(volumes, tmp_path / "into")
    before = content(tmp_path / "into")
    again = unpacked([*volumes, *volumes], tmp_path / "into")
    assert [one.there for one in again] == [True] * 3
    assert content(tmp_path / "into") == before


def test_something_else_at_the_place_is_left_alone(tmp_path: Path, runs: list[RunDir]) -> None:
    volumes, _ = pack(tmp_path / "x.tar.zst", runs[:1])
    other = tmp_path / "into" / runs[0].path.name
    other.mkdir(parents=True)
    (other / "mine").write_text("precious")
    (found,) = unpacked(volumes, tmp_path / "into")
    assert isinstance(found.error, StorageError)
    assert str(other) in str(found.error)
    assert content(other) == {"mine": b"precious"}


def test_any_tar_unpacks_it(tmp_path: Path, runs: list[RunDir]) -> None:
    """The way out: the system's tar, fed by zstd."""
    from holdfast.sync.bundle.archive import zstd

    volumes, _ = pack(tmp_path / "x.tar.zst", runs)
    plain = zstd.decompress(volumes[0].read_bytes())
    subprocess.run(["tar", "-xf", "-", "-C", str(tmp_path)], input=plain, check=True)
    for run_dir in runs:
        assert content(tmp_path / "runs" / run_dir.path.name) == carried(run_dir)


def test_volumes(tmp_path: Path, runs: list[RunDir]) -> None:
    out = tmp_path / "x.tar.zst"
    volumes, _ = pack(out, runs, split=1_000_000)
    assert len(volumes) > 3
    sizes = [path.stat().st_size for path in volumes]
    assert max(sizes) <= 1_000_000
    assert min(sizes[:-1]) > 800_000
    assert volumes == find_volumes(out) == [volume_path(out, n + 1) for n in range(len(volumes))]
    found = unpacked(volumes[::-1], tmp_path / "into")
    assert [one.error for one in found] == [None] * 3
    check(runs, tmp_path / "into")


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_volumes_of_any_size(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 900_000), min_size=1, max_size=6))
    split = data.draw(st.integers(LEAST_VOLUME, 1_500_000))
    with tempfile.TemporaryDirectory() as folder:
        files = {f"f{n}": NOISE[n : n + size] for n, size in enumerate(sizes)}
        runs = [make_run(Path(folder, "wandb"), "aa", files=files)]
        volumes, _ = pack(Path(folder, "x.tar.zst"), runs, split)
        assert max(path.stat().st_size for path in volumes) <= split
        assert [one.error for one in unpacked(volumes, Path(folder, "into"))] == [None]
        check(runs, Path(folder, "into"))


def test_an_interrupted_export_goes_on(tmp_path: Path, runs: list[RunDir]) -> None:
    out = tmp_path / "x.tar.zst"
    stop = threading.Event()
    packed_bytes = 0

    def advance(size: int) -> None:
        nonlocal packed_bytes
        packed_bytes += size
        if packed_bytes > 11_000_000:
            stop.set()

    first = Packer(out, 600_000, "test", advance=advance, stop=stop)
    with pytest.raises(StoppedError):
        list(first.pack(runs))
    whole = find_volumes(out)
    assert len(whole) > 1
    assert not list(tmp_path.glob("*.part"))
    before = {path: path.read_bytes() for path in whole}
    again = Packer(out, 600_000, "test", advance=lambda size: None)
    packed = list(again.pack(runs))
    assert again.kept == len(whole)
    assert [one.error for one in packed] == [None] * 3
    assert [one.run_dir.run_id for one in packed if one.kept] == ["aa"]
    assert {path: path.read_bytes() for path in whole} == before
    assert [one.error for one in unpacked(again.volumes, tmp_path / "into")] == [None] * 3
    check(runs, tmp_path / "into")
    with pytest.raises(UsageError, match="exist"):
        pack(out, runs, 600_000)


def test_a_run_that_changed_since_the_interruption_is_packed_anew(
    tmp_path: Path, runs: list[RunDir]
) -> None:
    out = tmp_path / "x.tar.zst"
    volumes, _ = pack(out, runs, 600_000)
    for path in volumes[3:]:
        path.unlink()
    (runs[1].files / "b").write_bytes(b"new")
    volumes, packed = pack(out, runs, 600_000)
    assert [one.run_dir.run_id for one in packed if one.kept] == ["aa"]
    assert [one.error for one in unpacked(volumes, tmp_path / "into")] == [None] * 3
    check(runs, tmp_path / "into")


def test_a_damaged_volume_is_packed_anew(tmp_path: Path, runs: list[RunDir]) -> None:
    out = tmp_path / "x.tar.zst"
    volumes, _ = pack(out, runs, 600_000)
    good = volumes[0].read_bytes()
    volumes[-1].unlink()
    flip(volumes[1], 300_000)
    again = Packer(out, 600_000, "test", advance=lambda size: None)
    list(again.pack(runs))
    assert again.kept == 1
    assert volumes[0].read_bytes() == good
    assert [one.error for one in unpacked(again.volumes, tmp_path / "into")] == [None] * 3
    check(runs, tmp_path / "into")


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x41
    path.write_bytes(data)


def test_a_damaged_volume_costs_its_runs_only(tmp_path: Path, runs: list[RunDir]) -> None:
    volumes, _ = pack(tmp_path / "x.tar.zst", runs, 600_000)
    flip(volumes[2], 300_000)
    found = unpacked(volumes, tmp_path / "into")
    errors = [str(one.error) for one in found if one.error is not None]
    assert any(volumes[2].name in error and "model.bin" in error for error in errors), errors
    assert any(runs[1].path.name in error and "model.bin" in error for error in errors), errors
    check([runs[0], runs[2]], tmp_path / "into")


def test_a_missing_volume_is_named(tmp_path: Path, runs: list[RunDir]) -> None:
    volumes, _ = pack(tmp_path / "x.tar.zst", runs, 600_000)
    found = unpacked([volumes[0], *volumes[2:]], tmp_path / "into")
    errors = [str(one.error) for one in found if one.error is not None]
    assert any("volume 2" in error and "missing" in error for error in errors), errors
    check([runs[0], runs[2]], tmp_path / "into")
    found = unpacked(volumes[:-1], tmp_path / "other")
    errors = [str(one.error) for one in found if one.error is not None]
    assert any(f"what follows volume {len(volumes) - 1}" in error for error in errors), errors


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_flipped_byte_goes_unseen(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run_dir = make_run(Path(folder, "wandb"), "aa", files={"a": NOISE[:3000], "b": b"b" * 500})
        volumes, _ = pack(Path(folder, "x.tar.zst"), [run_dir])
        volume = bytearray(volumes[0].read_bytes())
        size = len(volume)
        at = int(data.draw(st.floats(0, 1, exclude_max=True)) * size)
        volume[at] ^= data.draw(st.integers(1, 255))
        cut = at if data.draw(st.booleans()) else size
        volumes[0].write_bytes(volume[:cut])
        try:
            found = unpacked(volumes, Path(folder, "into"))
        except DamagedError:
            return
        if any(one.error is not None for one in found):
            return
        assert content(Path(folder, "into", run_dir.path.name)) == carried(run_dir)


def test_folders_of_one_name(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, "aa", count=n) for n, name in enumerate("pqr", start=1)]
    volumes, packed = pack(tmp_path / "x.tar.zst", runs)
    name = runs[0].path.name
    assert [one.place for one in packed] == [name, f"2/{name}", f"3/{name}"]
    found = unpacked(volumes, tmp_path / "into")
    assert [one.error for one in found] == [None] * 3
    for one, run_dir in zip(found, runs, strict=True):
        assert one.run_dir is not None
        assert one.run_dir.journal.read_bytes() == run_dir.journal.read_bytes()


def test_a_run_that_is_written_is_packed_as_it_stands(tmp_path: Path) -> None:
    run_dir, writer = start_run(tmp_path / "wandb", "aa")
    append_rows(writer, rows(5))
    volumes, (packed,) = pack(tmp_path / "x.tar.zst", [run_dir])
    assert "still running" in packed.notes[0]
    append_rows(writer, rows(5, first=5))
    (found,) = unpacked(volumes, tmp_path / "into")
    assert found.error is None
    assert found.run_dir is not None
    assert run_dir.journal.read_bytes().startswith(found.run_dir.journal.read_bytes())
    writer.close()


def test_files_that_change_while_they_are_packed(tmp_path: Path) -> None:
    first = make_run(tmp_path / "wandb", "aa", number=1, files={"a": NOISE, "z": b"1"})
    second = make_run(tmp_path / "wandb", "bb", number=2)
    times = 0

    def advance(size: int) -> None:  # amid the run, after its digests were taken
        nonlocal times
        times += 1
        if times == 2:
            (first.files / "z").write_bytes(b"22")

    packer = Packer(tmp_path / "x.tar.zst", 0, "test", advance=advance)
    packed = list(packer.pack([first, second]))
    assert [one.error for one in packed] == [None, None]
    found = unpacked(packer.volumes, tmp_path / "into")
    assert [one.error for one in found] == [None, None]
    check([first, second], tmp_path / "into")

    def always(size: int) -> None:
        (first.files / "z").write_bytes(os.urandom(9))

    packer = Packer(tmp_path / "y.tar.zst", 0, "test", advance=always)
    packed = list(packer.pack([first, second]))
    assert isinstance(packed[0].error, UnconfirmedError)
    assert packed[1].error is None
    found = unpacked(packer.volumes, tmp_path / "more")
    assert [one.error is None for one in found] == [False, True]


def test_a_lone_journal_and_one_that_is_damaged(tmp_path: Path) -> None:
    """Bytes are carried as they are: what is wrong with them is for the sync to say."""
    run_dir = make_run(tmp_path / "wandb", "aa")
    lone = RunDir(tmp_path / "elsewhere" / "some.wandb")
    lone.path.mkdir()
    lone.journal.write_bytes(run_dir.journal.read_bytes()[:300] + b"\0" * 50)
    volumes, _ = pack(tmp_path / "x.tar.zst", [lone])
    (found,) = unpacked(volumes, tmp_path / "into")
    assert found.run_dir is not None
    assert found.run_dir.journal == tmp_path / "into/elsewhere/some.wandb"
    assert found.run_dir.journal.read_bytes() == lone.journal.read_bytes()


def test_many_small_files_take_little_memory(tmp_path: Path) -> None:
    """The bytes of a run never lie in memory together."""
    import tracemalloc

    run_dir = make_run(tmp_path / "wandb", "aa", files={f"f{n}": NOISE for n in range(12)})

    def both() -> Iterator[None]:
        volumes, _ = pack(tmp_path / "x.tar.zst", [run_dir])
        yield
        assert unpacked(volumes, tmp_path / "into")[0].error is None
        yield

    for _ in both():
        tracemalloc.start()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000


def test_names(tmp_path: Path, runs: list[RunDir]) -> None:
    with pytest.raises(UsageError, match="no file"):
        find_volumes(tmp_path / "none.tar.zst")
    with pytest.raises(UsageError, match="volumes of 5 bytes"):
        pack(tmp_path / "x.tar.zst", runs, 5)
    (tmp_path / "x.tar.zst").write_bytes(b"there")
    with pytest.raises(UsageError, match="exists"):
        pack(tmp_path / "x.tar.zst", runs)
    with pytest.raises(DamagedError, match="damaged or no export"):
        unpacked([tmp_path / "x.tar.zst"], tmp_path / "into")


def test_files_of_artifacts_are_carried(tmp_path: Path) -> None:
    """From where they were staged into a run folder elsewhere, and from there on."""
    staging = tmp_path / "staging"
    files = {"weights.bin": NOISE, "deep/config.json": b"{}", "empty": b""}
    records = [
        artifact_record(staging, files, spill=True),
        artifact_record(staging, {"gone": b"gone"}, name="other"),
    ]
    run_dir = make_run(tmp_path / "train/wandb", "aa", records=records)
    named = {file.path: Path(file.places[1]).read_bytes() for file in files_of(run_dir)}
    (lost,) = [file for file in files_of(run_dir) if file.path.endswith("/gone")]
    Path(lost.places[1]).unlink()
    del named[lost.path]
    volumes, (packed,) = pack(tmp_path / "x.tar.zst", [run_dir], LEAST_VOLUME)
    assert len(volumes) > 2
    assert packed.error is None
    assert packed.notes[0].startswith("1 of 1 files of artifact other")
    once = context(MemoryServer())
    assert sync_run(once, run_dir).ok
    shutil.rmtree(staging)
    (found,) = unpacked(volumes, tmp_path / "into")
    assert found.run_dir is not None
    assert content(found.run_dir.path) == {**carried(run_dir), **named}
    server = MemoryServer()
    outcome = sync_run(context(server), found.run_dir)
    assert outcome.receipt is not None
    do = f"sync where they are, or put them into the run folder as {lost.version}/…"
    assert outcome.notes == [f"{packed.notes[0]}; {do}"]
    assert {*named} < {entry.path for entry in outcome.receipt.files}
    back = Outcome(run_dir)
    confirm(Carried("http://far", {outcome.receipt.journal: outcome.receipt}), run_dir, back)
    assert back.state == "confirmed"


def test_a_receipt_without_a_file_of_an_artifact_is_for_another_run(tmp_path: Path) -> None:
    files = {"a": b"a"}
    run_dir = make_run(
        tmp_path / "wandb", "aa", records=[artifact_record(tmp_path / "staging", files)]
    )
    without = sync_run(context(MemoryServer(), files=Wanted(artifacts="none")), run_dir).receipt
    assert without is not None
    carried_back = Carried("http://far", {without.journal: without})
    with pytest.raises(UnconfirmedError, match="1 files"):
        confirm(carried_back, run_dir, Outcome(run_dir))
