"""Files of a run: the list, and bringing one here, checked against its digest.

Owns downloads. Must not know runs beyond their path.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from holdfast.errors import DamagedError, StorageError, UnreachableError, UsageError
from holdfast.ids import RunPath
from holdfast.remote.reader import Reader
from holdfast.wire import check_file_path, paths
from holdfast.wire.digests import format_digest

__all__ = ["File", "Files"]

_TRIES = 4


class File:
    """One file of a run.

    Attributes:
        name: its path below the run's ``files``.
        size: in bytes.
        digest: ``sha256:`` and 64 hex digits.
        updated_at: when the server got this version (Unix seconds).
    """

    def __init__(self, reader: Reader, run: RunPath, said: dict[str, Any]) -> None:
        self._reader = reader
        self._run = run
        self.name: str = check_file_path(said["path"])
        self.size: int = said["size"]
        self.digest: str = said["digest"]
        self.updated_at: float = said.get("updated_at", 0.0)

    @property
    def url(self) -> str:
        """Where its bytes are, for those who have the key."""
        return self._reader.connection.base_url + paths.file(self._run, self.name)

    def download(
        self, root: str | os.PathLike[str] = ".", replace: bool = False, exist_ok: bool = False
    ) -> Path:
        """Bring the file here, below ``root`` under its own name, and return its path.

        Args:
            root: a folder; it is made when it does not exist.
            replace: overwrite a file that exists.
            exist_ok: leave a file that exists as it is.

        Raises:
            UsageError: it exists, and neither was asked for; or it would not lie below ``root``.
            StorageError: it cannot be written.
            DamagedError: what came is not what its digest says, however often it was asked for.
        """
        folder = Path(root).resolve()
        target = folder / self.name
        if not target.resolve().is_relative_to(folder):
            raise UsageError(f"{self.name!r} does not lie below {folder}", "choose another root")
        if target.exists() and not replace:
            if exist_ok:
                return target
            raise UsageError(f"{target} exists", "pass replace=True or exist_ok=True")
        for attempt in range(_TRIES):
            try:
                if self._fetch(target) == self.digest:
                    return target
            except UnreachableError:
                if attempt == _TRIES - 1:
                    raise
            time.sleep(0.1 * 4**attempt)
        raise DamagedError(f"{self.name} arrives damaged", "try again; if it stays, report it")

    def _fetch(self, target: Path) -> str:
        """Write the bytes to a new file beside the target, then put it in place if it is right."""
        fresh = target.with_name(f".{target.name}.{os.getpid()}.part")
        hasher = hashlib.sha256()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(fresh, "wb") as file:
                    for piece in self._reader.pieces(paths.file(self._run, self.name)):
                        hasher.update(piece)
                        file.write(piece)
                digest = format_digest(hasher.hexdigest())
                if digest == self.digest:
                    os.replace(fresh, target)
            finally:
                fresh.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"cannot write {target}: {error.strerror or error}", "check rights and free space"
            ) from error
        return digest

    def __repr__(self) -> str:
        return f"<File {self.name} ({self.size} bytes)>"


class Files(Sequence[File]):
    """The files of a run, asked for when the first of them is.

    Args:
        reader: the server.
        run: the run.
        names: only these.
        pattern: only names that this shell pattern matches (``%`` is taken for ``*``, as W&B does).
    """

    def __init__(
        self,
        reader: Reader,
        run: RunPath,
        names: Sequence[str] | None = None,
        pattern: str | None = None,
    ) -> None:
        self._reader = reader
        self._run = run
        self._names = set(names) if names else None
        self._pattern = pattern.replace("%", "*") if pattern else None
        self._found: list[File] | None = None

    def _all(self) -> list[File]:
        if self._found is None:
            said = self._reader.json(paths.files(self._run))["files"]
            some = [File(self._reader, self._run, one) for one in said]
            self._found = [file for file in some if self._wanted(file.name)]
        return self._found

    def _wanted(self, name: str) -> bool:
        if self._names is not None and name not in self._names:
            return False
        return self._pattern is None or fnmatch.fnmatchcase(name, self._pattern)

    def __iter__(self) -> Iterator[File]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> File: ...
    @overload
    def __getitem__(self, index: slice) -> list[File]: ...
    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]
