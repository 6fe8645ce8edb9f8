"""The files of a run: which there are, and their digests.

Owns the walk below ``files/``, and the proof of what artifacts name, wherever that lies. Follows
links to regular files (that is how `run.save` puts them there), never links to folders, and opens
nothing that could block. Must not know servers.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from holdfast.errors import RefusedError, StorageError
from holdfast.rundir import IGNORE_FILE, RunDir, read_ignored
from holdfast.sync.artifacts import SPILLED, ArtifactFile, artifact_files, called
from holdfast.sync.regular import digest_if, open_regular
from holdfast.sync.wanted import EVERY_FILE, Wanted
from holdfast.wire import FileEntry, check_file_path
from holdfast.wire.digests import digest_of_file

__all__ = [
    "Catalogue",
    "ChangedError",
    "Lacking",
    "Missing",
    "Some",
    "every",
    "fingerprint",
    "of_artifact",
]

Some = Callable[[str, int], bool]
"""Which files are meant, by their path and their size in bytes."""

_NO_LIST = "the list of the files is gone, or not what the journal says"
_GONE = "are gone from where wandb staged them"
_UNCHECKED = "have digests that cannot be checked here, no MD5"
_CHANGED = "are not what they were when they were logged"


def every(_path: str, _size: int) -> bool:
    """All of them."""
    return True


def of_artifact(path: str) -> bool:
    """Whether a file has such a name as those of artifacts have."""
    return path.startswith("artifacts/")


class ChangedError(Exception):
    """A file is no longer what it was when its digest was taken."""


@dataclass(frozen=True)
class _Stamp:
    """What tells that a file was not touched: its size, time of change and inode."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class _Odd:
    """A name that is no file to send, why, and whether bytes lie behind it that should be sent."""

    why: str
    lost: bool


class Missing(NamedTuple):
    """A file of an artifact that cannot be sent.

    Args:
        version: of which artifact.
        why: what it has in common with others, for a sentence about several.
        there: whether its bytes may lie there all the same: then the run is not all sent.
    """

    version: str
    why: str
    there: bool


class Lacking(NamedTuple):
    """What is missing of one artifact, for one reason.

    Args:
        what: how many of its files, and why, as a sentence without an end.
        do: what one can do.
        there: as of `Missing`.
    """

    what: str
    do: str
    there: bool


@dataclass
class Catalogue:
    """The files of one run; `refresh` looks again and digests only what was touched.

    Args:
        root: the folder ``files/``.
        wanted: which are sent.
        artifacts: gives what artifacts name, anew for each look.

    Attributes:
        entries: what can be sent, by path.
        skipped: a line for each thing that is no file (socket, dangling link, …): nothing is lost.
        unreadable: a line for each file that lies there and cannot be read.
        waiting: bytes of files that are new or changed and were not meant, at the last look.
        left_out: how many files there are that are not wanted.
        ignored: the files that the run's own ignore file leaves out: they are none of the run's.
        missing: files of artifacts that cannot be sent, by path.
        versions: how many files each version of an artifact names.
        clashes: paths of artifacts' files that ``files/`` has too, with another size: those count.
    """

    root: Path
    wanted: Wanted = EVERY_FILE
    artifacts: Callable[[], Iterable[ArtifactFile]] = tuple
    entries: dict[str, FileEntry] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    waiting: int = 0
    left_out: int = 0
    ignored: list[str] = field(default_factory=list)
    missing: dict[str, Missing] = field(default_factory=dict)
    versions: Counter[str] = field(default_factory=Counter)
    clashes: list[str] = field(default_factory=list)
    _stamps: dict[str, _Stamp] = field(default_factory=dict)
    _places: dict[str, str] = field(default_factory=dict)
    _refused: dict[tuple[str, str], _Stamp] = field(default_factory=dict)

    @classmethod
    def of_run(
        cls, run_dir: RunDir, frames: Sequence[tuple[int, int]], wanted: Wanted = EVERY_FILE
    ) -> Catalogue:
        """All files of a run.

        Args:
            run_dir: the run.
            frames: where its journal has ``artifact`` records; more may come while it is read.
            wanted: which files are sent.
        """
        aliases = wanted.artifacts == "aliased"
        return cls(
            run_dir.files,
            wanted,
            lambda: artifact_files(run_dir, tuple(frames), aliases=aliases),
        )

    def refresh(self, *, some: Some = every, stop: Callable[[], bool] = lambda: False) -> None:
        """Look again.

        Args:
            some: of which files digests are taken; the others stay as they are.
            stop: asked between files; True leaves the rest for later.
        """
        self.skipped, self.unreadable, self.ignored = [], [], []
        self.waiting = self.left_out = 0
        ignored = Wanted(exclude=self._ignored())
        seen: dict[str, int] = {}
        for path, found in _walk(self.root):
            if stop():
                return
            if not ignored.takes(path):
                self.ignored.append(path)
                continue
            if not self.wanted.takes(path):
                self.left_out += 1
                continue
            if isinstance(found, _Odd):
                (self.unreadable if found.lost else self.skipped).append(f"{path}: {found.why}")
                continue
            seen[path] = found.size
            if self._stamps.get(path) != found or path in self._places:
                if some(path, found.size):
                    self._digest(path, found)
                else:
                    self.waiting += found.size
        if not self._refresh_artifacts(some, ignored, seen, stop):
            return
        for path in self.entries.keys() - seen.keys():
            self.forget(path)

    def _refresh_artifacts(
        self, some: Some, ignored: Wanted, seen: dict[str, int], stop: Callable[[], bool]
    ) -> bool:
        """Look again at what artifacts name; False when it was stopped."""
        self.missing, self.versions, self.clashes = {}, Counter(), []
        met: set[str] = set()
        for file in self.artifacts():
            path = file.path
            if stop():
                return False
            if path in met:  # the version was logged once more: what is missing may lie there
                if path in self.missing and self._note(file, some):
                    seen[path] = file.size
                continue
            met.add(path)
            self.versions[file.version] += 1
            if not ignored.takes(path):
                self.ignored.append(path)
            elif not self.wanted.takes_artifact(path, aliased=file.aliased):
                self.left_out += 1
            elif path in seen:
                if file.size not in {seen[path], -1}:
                    self.clashes.append(path)
            elif self._note(file, some):
                seen[path] = file.size
        return True

    def _note(self, file: ArtifactFile, some: Some) -> bool:
        """Look at a file that an artifact names; False when it is missing, which is noted."""
        missing, known = self._look_at(file, some), self.missing.pop(file.path, None)
        if missing is not None:
            self.missing[file.path] = known if known is not None and known.there else missing
        return missing is None

    def _look_at(self, file: ArtifactFile, some: Some) -> Missing | None:
        """Bring the entry of a file that an artifact names up to date, or say why it has none."""
        path = file.path
        if file.size < 0:
            return Missing(file.version, _NO_LIST, there=False)
        found, other = self._places_of(file)
        if (self._places.get(path), self._stamps.get(path)) in found:
            return None
        if not found:
            return Missing(file.version, _CHANGED if other else _GONE, there=False)
        if file.md5 is None:
            return Missing(file.version, _UNCHECKED, there=True)
        if not some(path, file.size):
            self.waiting += file.size
            return None
        self.forget(path)
        return self._prove(file, found)

    def _prove(self, file: ArtifactFile, places: Sequence[tuple[str, _Stamp]]) -> Missing | None:
        """Take the first of these that is what the manifest says, or say why there is none.

        Without that a journal could name any file of whoever sends it, and it would be sent.
        """
        path, why = file.path, ""
        for place, _ in places:
            try:
                check_file_path(path)
                with open_regular(place) as opened:
                    stamp = _stamp(os.fstat(opened.fd))
                    digest = digest_if(opened.fd, file.size, file.md5 or b"")
            except RefusedError:
                why = "have names that no server takes"
            except OSError as error:
                why = f"cannot be read ({error.strerror or error})"
            else:
                if digest is not None:
                    self.entries[path] = FileEntry(path, file.size, digest)
                    self._stamps[path], self._places[path] = stamp, place
                    return None
                self._refused[path, place] = stamp  # not read again before it is touched
        return Missing(file.version, why or _CHANGED, there=bool(why))

    def _places_of(self, file: ArtifactFile) -> tuple[list[tuple[str, _Stamp]], bool]:
        """Where a file of its size lies, and whether other bytes lie where it should."""
        places, other = [], False
        for place in file.places:
            try:
                found = os.stat(place)
            except (OSError, ValueError):
                continue  # nobody can say that it is there
            stamp = _stamp(found)
            fits = stat.S_ISREG(found.st_mode) and found.st_size == file.size
            if fits and self._refused.get((file.path, place)) != stamp:
                places.append((place, stamp))
            else:
                other = True
        return places, other

    def lacking(self, held: Container[str] = ()) -> list[Lacking]:
        """What is missing of artifacts at the last look, but for paths ``held`` elsewhere."""
        groups: dict[tuple[str, str, bool], Counter[str]] = {}
        for path, (version, why, there) in self.missing.items():
            if path not in held:
                folder = version.rpartition("/")[0]
                groups.setdefault((folder, why, there), Counter())[version] += 1
        found = []
        for (folder, why, there), counts in groups.items():
            total = sum(self.versions[version] for version in counts)
            what = f"{counts.total()} of {total} files of {called(list(counts))} {why}"
            place = f"{folder}/DIGEST" if len(counts) > 1 else next(iter(counts))
            do = f"sync where they are, or put them into the run folder as {place}/…"
            if why == _NO_LIST:
                what = f"{why}: {called(list(counts))}"
                do = f"sync where it is, or put it into the run folder as {place}{SPILLED}"
            if there:
                do = f"give read permission, or leave them out with --exclude '{folder}/*'"
            found.append(Lacking(what, do, there))
        return found

    def place(self, path: str) -> Path:
        """Where the file of an entry lies."""
        return Path(self._places.get(path) or self.root / path)

    def forget(self, path: str) -> None:
        """Drop an entry, so that the next `refresh` takes its digest again."""
        for known in (self.entries, self._stamps, self._places):
            known.pop(path, None)

    def find_ignored(self) -> list[str]:
        """The files that the run's own ignore file leaves out, without opening one."""
        ignored = Wanted(exclude=self._ignored())
        return [path for path, _ in _walk(self.root) if not ignored.takes(path)]

    def _ignored(self) -> tuple[str, ...]:
        try:
            return read_ignored(self.root)
        except OSError as error:
            # As long as it cannot be read, what must stay here is not known.
            what = f"cannot read {self.root / IGNORE_FILE}: {error.strerror or error}"
            raise StorageError(what, "give read permission, or remove it") from error

    def _digest(self, path: str, stamp: _Stamp) -> None:
        self.forget(path)
        try:
            check_file_path(path)
            with open_regular(self.root / path) as descriptor:
                stamp = _stamp(os.fstat(descriptor.fd))
                digest, size = digest_of_file(descriptor.fd)
        except RefusedError as error:
            self.unreadable.append(f"{path.encode('utf-8', 'replace').decode()}: {error.what}")
            return
        except OSError as error:
            self.unreadable.append(f"{path}: {error.strerror or error}")
            return
        self.entries[path] = FileEntry(path, size, digest)
        # A file that grew while it was read keeps the stamp from before: the next look sees it.
        self._stamps[path] = stamp


def fingerprint(run_dir: RunDir) -> str:
    """A digest of names, sizes and times of all files in a run folder, without opening one."""
    hasher = hashlib.sha256()
    for prefix, root in (("", run_dir.files), ("/artifacts/", run_dir.artifacts)):
        for path, found in _walk(root):
            hasher.update(f"{prefix}{path}\0{found}\n".encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()[:32]


def _walk(root: Path) -> Iterator[tuple[str, _Stamp | _Odd]]:
    """Every name below ``root`` in order, with its stamp, or why it is no file to send."""
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(root / folder) as found:
                items = sorted(found, key=lambda item: item.name)
        except FileNotFoundError:
            continue  # no files at all, or removed a moment ago
        except OSError as error:
            yield folder or ".", _Odd(f"folder cannot be read ({error.strerror})", lost=True)
            continue
        below = []
        for item in items:
            path = f"{folder}/{item.name}" if folder else item.name
            if item.is_dir(follow_symlinks=False):
                below.append(path)
                continue
            yield path, _look(item)
        pending.extend(reversed(below))


def _look(item: os.DirEntry[str]) -> _Stamp | _Odd:
    try:
        found = item.stat()
    except OSError as error:
        why = error.strerror or str(error)
        gone = isinstance(error, FileNotFoundError) or error.errno == errno.ELOOP
        return _Odd(f"link to nothing ({why})" if gone else why, lost=not gone)
    if stat.S_ISREG(found.st_mode):
        # DirEntry.stat() leaves the inode 0 on Windows; size and time tell enough there.
        return _stamp(found)
    return _Odd(
        "link to a folder" if stat.S_ISDIR(found.st_mode) else "no regular file", lost=False
    )


def _stamp(found: os.stat_result) -> _Stamp:
    return _Stamp(found.st_size, found.st_mtime_ns, found.st_ino)
