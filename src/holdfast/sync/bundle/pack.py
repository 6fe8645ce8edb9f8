"""Packing runs: into one archive, or into volumes of a given size that can be taken up again.

Owns the order of what is packed, where a volume ends, and which volumes are kept. Reads run folders
and changes nothing in them. Must not know the archive's bytes.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from holdfast.errors import DamagedError, HoldfastError, StorageError, UnconfirmedError, UsageError
from holdfast.rundir import RunDir, writer_of
from holdfast.sync.bundle.archive import ArchiveWriter
from holdfast.sync.bundle.format import END, HEAD, End, Head, Manifest, Mark, manifest_name
from holdfast.sync.bundle.unpack import Unpacker, volume_path
from holdfast.sync.files import Catalogue, ChangedError
from holdfast.sync.regular import open_regular
from holdfast.sync.retry import StoppedError
from holdfast.sync.survey import Survey
from holdfast.wire import FileEntry
from holdfast.wire.digests import digest_of_file, format_digest

__all__ = ["LEAST_VOLUME", "Packed", "Packer", "estimate"]

LEAST_VOLUME = 256 << 10
"""Bytes that a volume must have room for."""

_READ_BYTES = 1 << 20
_LEAST_PIECE = 64 << 10
_TRIES = 3


@dataclass
class Packed:
    """How one run fared.

    Attributes:
        place: its folder in the bundle.
        files: how many files beside the journal.
        size: bytes of journal and files.
        kept: whether volumes of an earlier call hold it already.
        notes: lines about what is not an error.
        error: why it is not all there.
    """

    run_dir: RunDir
    place: str
    files: int = 0
    size: int = 0
    kept: bool = False
    notes: list[str] = field(default_factory=list)
    error: HoldfastError | None = None


class Packer:
    """Packs runs into ``out``, or into volumes beside it.

    Args:
        out: the file to write; with ``split``, ``runs.tar.zst`` becomes ``runs.001.tar.zst`` ….
        split: the most bytes of a volume; 0 for one file.
        by: who packs, for the head.
        advance: called with the number of bytes that were packed.
        stop: set to end early; whole volumes stay.

    Attributes:
        volumes: those that are whole, in order.
        kept: how many of them an earlier call made.

    Raises:
        UsageError: ``out`` exists, or volumes are too small.
    """

    def __init__(
        self,
        out: Path,
        split: int,
        by: str,
        *,
        advance: Callable[[int], None],
        stop: threading.Event | None = None,
    ) -> None:
        if split and split < LEAST_VOLUME:
            raise UsageError(f"volumes of {split} bytes", f"give at least {LEAST_VOLUME >> 10} KiB")
        if out.exists():
            raise UsageError(f"{out} exists", "choose another name, or remove it")
        self.volumes: list[Path] = []
        self.kept = 0
        self._out = out
        self._split = split
        self._by = by
        self._advance = advance
        self._stop = stop or threading.Event()
        self._bundle = os.urandom(16).hex()
        self._archive: ArchiveWriter | None = None
        self._number = 0
        self._done: dict[str, Manifest] = {}
        self._begun: Manifest | None = None
        self._mark: Mark | None = None

    def pack(self, runs: Sequence[RunDir]) -> Iterator[Packed]:
        """Pack all runs; yields how each fared, in order.

        Raises:
            StorageError: the disk of ``out`` refuses.
            UsageError: a volume is too small for the list of a run's files, or all volumes of an
                earlier call are there.
        """
        self._take_up()
        try:
            self._open()
            begun = self._begun.place if self._begun is not None else ""
            # What the last volume broke off goes on in the next one, before anything else.
            for run_dir, place in sorted(_places(runs), key=lambda one: one[1] != begun):
                yield self._pack_one(run_dir, place)
            self._close(End(last=True, open=None))
        finally:
            if self._archive is not None:
                self._archive.abandon()

    # volumes

    def _take_up(self) -> None:
        """Read the volumes that an interrupted call left; keep those that check."""
        if not self._split:
            return
        with Unpacker(None, advance=lambda size: None) as reader:
            while (path := volume_path(self._out, len(self.volumes) + 1)).exists():
                try:
                    found = list(reader.volume(path))
                except DamagedError:
                    break  # this one, and what follows it, is packed anew
                if reader.head is None or reader.head.volume != len(self.volumes) + 1:
                    break
                self._bundle = reader.head.bundle
                self.volumes.append(path)
                whole = [one.manifest for one in found if one.manifest and not one.error]
                self._done.update({manifest.place: manifest for manifest in whole})
                if reader.end is not None and reader.end.last:
                    do = "choose another name, or remove them"
                    raise UsageError(f"all {len(self.volumes)} volumes of {self._out} exist", do)
                self._begun = reader.begun
                self._mark = None if reader.end is None else reader.end.open
            self._number = reader.highest
        self.kept = len(self.volumes)

    def _open(self) -> None:
        number = len(self.volumes) + 1
        path = volume_path(self._out, number) if self._split else self._out
        self._archive = ArchiveWriter(path, self._split)
        head = Head(self._bundle, number, self._by).to_json()
        self._archive.add(HEAD, len(head), [head])
        self.volumes.append(path)

    def _close(self, end: End) -> None:
        data = end.to_json()
        archive = self._opened()
        archive.add(END, len(data), [data])
        archive.close()
        self._archive = None

    def _next(self, open_at: Mark | None) -> None:
        self._close(End(last=False, open=open_at))
        self._open()

    def _opened(self) -> ArchiveWriter:
        if self._archive is None:
            raise AssertionError("a volume is open while runs are packed")
        return self._archive

    # one run

    def _pack_one(self, run_dir: RunDir, place: str) -> Packed:
        packed = Packed(run_dir, place)
        try:
            for _ in range(_TRIES):
                manifest, places = self._take_stock(run_dir, packed)
                try:
                    self._write_unless_kept(manifest, places, packed)
                except ChangedError:
                    continue
                break
            else:
                packed.error = UnconfirmedError(
                    f"the files in {run_dir.path} change while they are packed",
                    "export it again when nothing writes to them",
                )
        except (StoppedError, UsageError):
            raise
        except HoldfastError as error:
            if self._archive is None:
                raise
            packed.error = error
        return packed

    def _take_stock(self, run_dir: RunDir, packed: Packed) -> tuple[Manifest, list[Path]]:
        """Journal and files as they are now, each with its digest, and where each lies."""
        packed.notes, packed.error = [], None
        if writer_of(run_dir) == "alive":
            packed.notes.append("still running: packed as it stands")
        entries, places, unreadable = [_journal_entry(run_dir)], [run_dir.journal], []
        for catalogue in (_files_of(run_dir), Catalogue(run_dir.logs)):
            catalogue.refresh(stop=self._stop.is_set)
            self._check_stop()
            name = catalogue.root.name
            for entry in catalogue.entries.values():
                place = catalogue.place(entry.path)
                # Of an artifact, wherever it lies: where it is unpacked, it lies in the run folder.
                inside = place == catalogue.root / entry.path
                path = f"{name}/{entry.path}" if inside else entry.path
                entries.append(FileEntry(path, entry.size, entry.digest))
                places.append(place)
            packed.notes += [f"left out, no file: {name}/{s}" for s in catalogue.skipped]
            unreadable += [f"{name}/{line}" for line in catalogue.unreadable]
            for lacking in catalogue.lacking():
                if lacking.there:
                    unreadable.append(lacking.what)
                else:
                    packed.notes.append(lacking.what)
        if unreadable:
            packed.error = UnconfirmedError(
                f"all but {len(unreadable)} files are packed; cannot be read: {unreadable[0]}",
                "give read permission and export again",
            )
        packed.files = len(entries) - 1
        packed.size = sum(entry.size for entry in entries)
        self._number += 1
        times = tuple(map(_changed, places))
        journal = run_dir.journal.name
        return Manifest(self._number, packed.place, journal, tuple(entries), times), places

    def _write_unless_kept(
        self, manifest: Manifest, places: Sequence[Path], packed: Packed
    ) -> None:
        place = manifest.place
        done, begun, mark = self._done.get(place), self._begun, self._mark
        if done is not None and done.entries == manifest.entries:
            packed.kept = True
            self._advance(manifest.size)
            return
        self._begun = self._mark = None
        start = Mark(manifest.number, 0, 0)
        same = begun is not None and (begun.place, begun.entries) == (place, manifest.entries)
        if begun is not None and mark is not None and same:
            manifest, start = begun, mark  # goes on where the last whole volume ends
        self._announce(manifest)
        for index in range(start.index, len(manifest.entries)):
            offset = start.offset if index == start.index else 0
            self._write_entry(manifest, index, offset, places[index])

    def _announce(self, manifest: Manifest) -> None:
        data = manifest.to_json()
        if self._opened().room() < len(data):
            self._next(None)
            if self._opened().room() < len(data):
                what = f"the list of files of {manifest.place} has {len(data)} bytes"
                raise UsageError(f"{what}, more than a volume", "give --split a larger size")
        self._opened().add(manifest_name(manifest.number), len(data), [data])

    def _write_entry(self, manifest: Manifest, index: int, offset: int, place: Path) -> None:
        """Write an entry, which lies at ``place``, from ``offset`` on: as many volumes as it takes.

        Raises:
            ChangedError: it is no longer what the manifest says.
        """
        entry, time = manifest.entries[index], manifest.times[index]
        try:
            with open_regular(place) as file:
                source = _Source(file.fd, entry.path, self._advance, self._check_stop)
                source.pass_over(offset)
                while True:
                    room = self._opened().room()
                    if room < min(entry.size - offset, _LEAST_PIECE):
                        self._next(Mark(manifest.number, index, offset))
                        self._announce(manifest)
                        room = self._opened().room()
                    size = min(entry.size - offset, room)
                    whole = size == entry.size
                    name = manifest.name_of(entry, None if whole else offset)
                    self._opened().add(name, size, source.take(size), time)
                    offset += size
                    if offset == entry.size:
                        break
        except OSError as error:
            raise ChangedError(entry.path) from error
        if source.digest() != entry.digest:
            raise ChangedError(entry.path)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise StoppedError("stopped", "run the command again")


class _Source:
    """A file that is read from front to back, with the digest of what was read."""

    def __init__(
        self, fd: int, path: str, advance: Callable[[int], None], check: Callable[[], None]
    ) -> None:
        self._fd = fd
        self._path = path
        self._advance = advance
        self._check = check
        self._hasher = hashlib.sha256()

    def take(self, size: int) -> Iterator[bytes]:
        """The next ``size`` bytes; ChangedError when the file has fewer."""
        while size:
            self._check()
            data = os.read(self._fd, min(size, _READ_BYTES))
            if not data:
                raise ChangedError(self._path)
            self._hasher.update(data)
            self._advance(len(data))
            size -= len(data)
            yield data

    def pass_over(self, size: int) -> None:
        """Read what an earlier volume holds: the digest needs it."""
        for _ in self.take(size):
            pass

    def digest(self) -> str:
        """The digest of all that was read."""
        return format_digest(self._hasher.hexdigest())


def _places(runs: Iterable[RunDir]) -> Iterator[tuple[RunDir, str]]:
    """A place for each run: the name of its folder; of a name that was there, with a number."""
    seen: Counter[str] = Counter()
    for run_dir in runs:
        name = run_dir.path.resolve().name.lstrip(".") or "run"
        seen[name] += 1
        yield run_dir, name if seen[name] == 1 else f"{seen[name]}/{name}"


def estimate(run_dir: RunDir) -> int:
    """How many bytes are to be packed of a run, about: no file is opened but the journal."""
    try:
        catalogues = (_files_of(run_dir), Catalogue(run_dir.logs))
        for catalogue in catalogues:
            catalogue.refresh(some=lambda path, size: False)
        return run_dir.journal.stat().st_size + sum(one.waiting for one in catalogues)
    except (OSError, HoldfastError):
        return 0  # packing it will say what is wrong


def _files_of(run_dir: RunDir) -> Catalogue:
    """The files of a run, with those of its artifacts."""
    with Survey(run_dir.journal) as survey:
        survey.advance(growing=False)
    return Catalogue.of_run(run_dir, survey.artifacts)


def _journal_entry(run_dir: RunDir) -> FileEntry:
    try:
        with open_regular(run_dir.journal) as file:
            digest, size = digest_of_file(file.fd)
    except OSError as error:
        what = f"cannot read {run_dir.journal}: {error.strerror or error}"
        raise StorageError(what, "check that it exists and may be read") from error
    return FileEntry(run_dir.journal.name, size, digest)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # gone a moment ago: packing it will say so
