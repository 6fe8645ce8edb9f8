"""Unpacking bundles: every name, size and digest is checked before a run counts as there.

Owns the run folders that it makes below one folder: a run is put together beside its place and
moved there when it is whole. Must not know servers, nor the archive's bytes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.errors import DamagedError, HoldfastError, StorageError, UsageError
from holdfast.rundir import RunDir
from holdfast.sync.bundle.archive import ArchiveReader, Member
from holdfast.sync.bundle.format import END, HEAD, End, Head, Manifest, parse, parse_name
from holdfast.sync.report import some
from holdfast.wire.digests import digest_of_file, format_digest

__all__ = ["Unpacked", "Unpacker", "find_volumes", "unpack", "volume_path"]

_MOST_JSON = 64 << 20
_SHOWN = 3


@dataclass
class Unpacked:
    """How a run, or a volume, fared.

    Attributes:
        manifest: of the run; None for what is wrong with a volume.
        run_dir: the run folder; None when there is none now.
        there: whether a folder with all of it lay there before.
        error: what is wrong.
    """

    manifest: Manifest | None = None
    run_dir: RunDir | None = None
    there: bool = False
    error: HoldfastError | None = None


def unpack(
    volumes: Sequence[Path], into: Path, *, advance: Callable[[int], None]
) -> Iterator[Unpacked]:
    """Unpack all runs of some bundles; yields each run as soon as it is whole or cannot become so.

    Args:
        volumes: the files, in any order.
        into: the folder of the run folders.
        advance: called with the number of bytes that were read.

    Raises:
        StorageError: the disk refuses.
        DamagedError: a file is no volume at all.
    """
    heads = {path: _head_of(path) for path in volumes}
    for bundle in dict.fromkeys(head.bundle for head in heads.values()):
        parts = {head.volume: path for path, head in heads.items() if head.bundle == bundle}
        yield from _unpack_bundle(parts, into, advance)


def _unpack_bundle(
    parts: dict[int, Path], into: Path, advance: Callable[[int], None]
) -> Iterator[Unpacked]:
    with Unpacker(into, advance=advance) as unpacker:
        last = max(parts)
        before = 0
        for number in sorted(parts):
            if number > before + 1:
                first, end = before + 1, number - 1
                bundle = _beside(parts[last])
                what = f"volume {end} of {bundle} is missing"
                if first < end:
                    what = f"volumes {first} to {end} of {bundle} are missing"
                yield Unpacked(error=DamagedError(what, "carry it over and import again"))
            before = number
            try:
                yield from unpacker.volume(parts[number])
            except DamagedError as error:
                yield Unpacked(error=error)
        yield from unpacker.finish()
        if unpacker.end is None or not unpacker.end.last:
            what = f"what follows volume {last} of {_beside(parts[last])} is missing"
            yield Unpacked(error=DamagedError(what, "carry it over and import again"))


def find_volumes(path: Path) -> list[Path]:
    """What a name on the command line stands for: that file, or the volumes made under that name.

    Raises:
        UsageError: there is no such file.
        StorageError: its folder cannot be read.
    """
    if path.is_file():
        return [path]
    found: list[Path] = []
    prefix, suffix = _split_name(path)
    try:
        for item in path.parent.iterdir():
            number = item.name[len(prefix) : len(item.name) - len(suffix)]
            if item.name == f"{prefix}{number}{suffix}" and number[1:].isdecimal():
                found.append(item)
    except (FileNotFoundError, NotADirectoryError):
        pass  # no such folder: nothing is found
    except OSError as error:
        what = f"cannot read {path.parent}: {error.strerror or error}"
        raise StorageError(what, "name the files that were exported") from error
    if not found:
        raise UsageError(f"there is no file {path}", "name the files that were exported")
    return sorted(found)


def volume_path(out: Path, number: int) -> Path:
    """Where a volume lies.

    >>> volume_path(Path("runs.tar.zst"), 1).name
    'runs.001.tar.zst'
    """
    prefix, suffix = _split_name(out)
    return out.with_name(f"{prefix}.{number:03}{suffix}")


def _head_of(path: Path) -> Head:
    """The head of a volume; DamagedError when it is none."""
    with ArchiveReader(path, lambda size: None) as archive:
        for member in archive:
            if member.name != HEAD:
                break
            return parse(archive.whole(_MOST_JSON), Head.from_json)
    raise DamagedError(f"{path} is no export of Holdfast", "name a file that was exported")


class Unpacker:
    """Takes the volumes of one bundle in order; use as a context manager.

    Args:
        into: the folder of the run folders; None only checks.
        advance: called with the number of bytes that were read.

    Attributes:
        head, end: of the volume that was read last, as far as it could be.
        begun: the manifest of the run that goes on in the next volume, None when none does.
        highest: the highest number of a manifest.
    """

    def __init__(self, into: Path | None, *, advance: Callable[[int], None]) -> None:
        self.head: Head | None = None
        self.end: End | None = None
        self.highest = 0
        self._into = into
        self._advance = advance
        self._work: Path | None = None
        self._run: _Run | None = None

    def __enter__(self) -> Unpacker:
        if self._into is not None:
            try:
                self._into.mkdir(parents=True, exist_ok=True)
                self._work = Path(tempfile.mkdtemp(prefix=".holdfast-import-", dir=self._into))
            except OSError as error:
                raise _refused(self._into, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._run is not None:
            self._run.close()
        if self._work is not None:
            shutil.rmtree(self._work, ignore_errors=True)

    @property
    def begun(self) -> Manifest | None:
        """See the class."""
        return self._run.manifest if self._run is not None else None

    def volume(self, path: Path) -> Iterator[Unpacked]:
        """Take one volume; yields the runs that end in it.

        Raises:
            DamagedError: it is damaged; what was yielded is good.
        """
        self.head = self.end = None
        at = ""
        with ArchiveReader(path, self._advance) as archive:
            try:
                for member in archive:
                    at = f" in {member.name}"
                    yield from self._take(archive, member)
            except DamagedError as error:
                raise DamagedError(f"{error.what}{at}", error.do) from error
        if self.end is None:
            raise DamagedError(f"{path} has no end", "carry it over again")
        if self.end.open is None:
            yield from self.finish()

    def finish(self) -> Iterator[Unpacked]:
        """End the run that was begun last."""
        run, self._run = self._run, None
        if run is not None:
            yield run.end()

    def _take(self, archive: ArchiveReader, member: Member) -> Iterator[Unpacked]:
        if self.head is None:
            if member.name != HEAD:
                raise DamagedError(f"{archive.path} is no export of Holdfast")
            self.head = parse(archive.whole(_MOST_JSON), Head.from_json)
            return
        if self.end is not None:
            raise DamagedError(f"something stands behind the end of {archive.path}")
        if member.name == END:
            self.end = parse(archive.whole(_MOST_JSON), End.from_json)
            return
        kind, offset, path = parse_name(member.name)
        if kind == "file":
            if self._run is None or not self._run.take(archive, member, offset, path):
                raise DamagedError(f"{member.name[:200]!r} is not what the manifest names")
            return
        manifest = parse(archive.whole(_MOST_JSON), Manifest.from_json)
        self.highest = max(self.highest, manifest.number)
        if self._run is not None and self._run.manifest.number == manifest.number:
            return
        anew = self._run is not None and self._run.manifest.place == manifest.place
        if anew and self._run is not None:
            self._run.drop()  # it changed while it was packed: what follows takes its place
            self._run = None
        yield from self.finish()
        self._run = _Run(manifest, self._into, self._work)


class _Run:
    """One run that is being put together."""

    def __init__(self, manifest: Manifest, into: Path | None, work: Path | None) -> None:
        self.manifest = manifest
        self._into = into
        self._folder = None if work is None else work / str(manifest.number)
        self._index = self._offset = 0
        self._hasher = hashlib.sha256()
        self._file: Any = None
        self._lost: list[str] = []
        self._passed: set[int] = set()
        self._by_path = {entry.path: n for n, entry in enumerate(manifest.entries)}
        if work is not None:
            free = shutil.disk_usage(work).free
            if manifest.size > free:
                what = f"{manifest.place} needs {manifest.size} bytes, {work.parent} has {free}"
                raise StorageError(what, "free some space, or choose another folder")

    def take(self, archive: ArchiveReader, member: Member, offset: int | None, path: str) -> bool:
        """Take a file or a piece of one; False when the manifest names no such thing."""
        place = f"{self.manifest.place}/"
        index = self._by_path.get(path[len(place) :], -1) if path.startswith(place) else -1
        start = offset or 0
        if index in self._passed:
            return True  # the rest of a file whose beginning is lost
        if index < self._index or (index == self._index and start < self._offset):
            return False
        entry = self.manifest.entries[index]
        if start + member.size > entry.size or (offset is None and member.size != entry.size):
            return False
        if index > self._index:
            self._lose_up_to(index)
        if start > self._offset:  # what lies between was in a volume that is not there
            self._lose_up_to(index + 1)
            return True
        for piece in archive.chunks():
            self._write(piece)
        self._offset = start + member.size
        if self._offset == entry.size:
            self._finish_entry()
        return True

    def end(self) -> Unpacked:
        """Put the run at its place if it is whole."""
        self._lose_up_to(len(self.manifest.entries))
        self.close()
        done = Unpacked(self.manifest)
        if self._lost:
            self.drop()
            done.error = DamagedError(
                f"{self.manifest.place} is not whole, damaged or missing: "
                f"{some(self._lost, _SHOWN)}",
                "carry its volume over and import again",
            )
        elif self._folder is not None and self._into is not None:
            place = self._into / self.manifest.place
            try:
                done.there = _put(self._folder, place, self.manifest)
            except HoldfastError as error:
                done.error = error
            else:
                done.run_dir = RunDir(place / self.manifest.journal)
        return done

    def drop(self) -> None:
        """Remove what came of it."""
        self.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, piece: bytes) -> None:
        self._hasher.update(piece)
        if self._folder is None:
            return
        try:
            self._opened(self._folder).write(piece)
        except OSError as error:
            raise _refused(self._folder, error) from error

    def _opened(self, folder: Path) -> Any:
        if self._file is None:
            path = folder / self.manifest.entries[self._index].path
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "xb")  # noqa: SIM115  closed by close
        return self._file

    def _finish_entry(self) -> None:
        entry = self.manifest.entries[self._index]
        if format_digest(self._hasher.hexdigest()) != entry.digest:
            self._lost.append(f"{entry.path} (its digest)")
        if self._folder is not None:
            try:
                self._opened(self._folder)
                self.close()
                time = self.manifest.times[self._index]
                os.utime(self._folder / entry.path, ns=(time, time))
            except OSError as error:
                raise _refused(self._folder, error) from error
        self._index, self._offset, self._hasher = self._index + 1, 0, hashlib.sha256()

    def _lose_up_to(self, index: int) -> None:
        """Note the entries before ``index`` that did not come whole."""
        self._lost += [entry.path for entry in self.manifest.entries[self._index : index]]
        self._passed.update(range(self._index, index))
        if index > self._index:
            self.close()
            self._index, self._offset, self._hasher = index, 0, hashlib.sha256()


def _put(folder: Path, place: Path, manifest: Manifest) -> bool:
    """Move a whole run to its place; True when the same run lies there already.

    Raises:
        StorageError: something else lies there, or the disk refuses.
    """
    try:
        if not os.path.lexists(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            os.rename(folder, place)
            return False
        if all(_same(place / entry.path, entry.digest) for entry in manifest.entries):
            return True
    except OSError as error:
        raise _refused(place, error) from error
    what = f"something else lies at {place}"
    raise StorageError(what, "move it away, or import into another folder")


def _same(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return digest_of_file(file.fileno())[0] == digest


def _split_name(path: Path) -> tuple[str, str]:
    for suffix in (".tar.zst", ".tzst", path.suffix):
        if suffix and path.name.endswith(suffix):
            return path.name[: -len(suffix)], suffix
    return path.name, ""


def _beside(path: Path) -> str:
    return f"the export that {path} belongs to"


def _refused(path: Path, error: OSError) -> StorageError:
    what = f"cannot write into {path}: {error.strerror or error}"
    return StorageError(what, "free some space, or choose another folder")
