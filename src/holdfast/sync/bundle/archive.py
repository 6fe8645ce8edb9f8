"""One volume: a tar archive, compressed with zstd, that any `tar` unpacks.

Owns the library and the bytes of the archive. The reader is stricter than tar: regular files only,
headers of bounded size, nothing behind the end; so a hostile archive can cost no memory and name no
link or device. Must not know what the members are.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.errors import DamagedError, StorageError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["ArchiveReader", "ArchiveWriter", "Member"]

_BLOCK = 512
_READ_BYTES = 1 << 20
_FLUSH_BYTES = 1 << 20
#: of a limited archive, kept for its last member and its end
_RESERVE = 16 << 10
#: what the headers of one member take, however long its name
_HEADERS = 16 << 10
_MOST_HEADER = 16 << 10
_UNLIMITED = 1 << 62
_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: 3,
    zstd.CompressionParameter.checksum_flag: 1,
}


class ArchiveWriter:
    """Writes an archive to ``path`` with ``.part`` behind its name until `close` moves it there.

    Args:
        path: where it will lie.
        limit: how many bytes it may have; 0 for any.

    Attributes:
        written: bytes on disk so far.

    Every method raises StorageError when the disk refuses.
    """

    def __init__(self, path: Path, limit: int = 0) -> None:
        self.written = 0
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._limit = limit
        self._pending = 0
        self._compressor = zstd.ZstdCompressor(options=_OPTIONS)
        try:
            self._file = open(self._part, "wb")  # noqa: SIM115  closed by close or abandon
        except OSError as error:
            raise _cannot_write(path, error) from error

    def room(self) -> int:
        """How many bytes of one more member fit for sure; negative when not even an empty one."""
        if not self._limit:
            return _UNLIMITED
        full = self._limit - self.written - self._pending < self._limit // 16
        if self._pending > _FLUSH_BYTES or full:  # how much was written is known only then
            self._put(self._compressor.flush(zstd.ZstdCompressor.FLUSH_BLOCK))
            self._pending = 0
        left = self._limit - self.written - self._pending - _RESERVE - _HEADERS
        return left - max(left, 0) // 128  # what does not compress grows a little

    def add(self, name: str, size: int, data: Iterable[bytes], mtime_ns: int = 0) -> None:
        """Append a member of ``size`` bytes.

        When ``data`` ends early or raises, the member is filled up with zeros, so that the archive
        stays one, and then the error goes on.
        """
        info = tarfile.TarInfo(name)
        info.size, info.mtime = size, mtime_ns // 1_000_000_000
        self._write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        left = size
        try:
            for piece in data:
                self._write(piece)
                left -= len(piece)
        finally:
            while left > 0:
                self._write(bytes(min(left, _READ_BYTES)))
                left -= min(left, _READ_BYTES)
            self._write(bytes(-size % _BLOCK))

    def close(self) -> None:
        """Finish the archive, have it on the disk, and give it its name."""
        self._write(bytes(2 * _BLOCK))
        self._put(self._compressor.flush())
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._part, self._path)
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    def abandon(self) -> None:
        """Remove what was written, if it was not closed."""
        with contextlib.suppress(OSError):  # only a leftover, which the next export writes over
            self._file.close()
            self._part.unlink()

    def _write(self, data: bytes) -> None:
        self._pending += len(data)
        self._put(self._compressor.compress(data))

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise _cannot_write(self._path, error) from error
        self.written += len(data)


class Member(NamedTuple):
    """A member of an archive: its name and its size in bytes."""

    name: str
    size: int


class ArchiveReader:
    """Reads an archive from its first byte to its last; use as a context manager.

    Args:
        path: the archive.
        advance: called with the number of bytes that were read from the disk.

    Raises:
        StorageError: it cannot be read.
    """

    def __init__(self, path: Path, advance: Callable[[int], None]) -> None:
        self.path = path
        self._left = self._padding = 0
        try:
            self._counted = _Counted(path, advance)
        except OSError as error:
            what = f"cannot read {path}: {error.strerror or error}"
            raise StorageError(what, "check name and rights of the file") from error
        self._stream: Any = zstd.ZstdFile(self._counted)

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._counted.close()

    def __iter__(self) -> Iterator[Member]:
        """The members in order; what a caller leaves of one is passed over.

        Raises:
            DamagedError: the bytes are no archive, or not such as `ArchiveWriter` makes.
        """
        said: dict[str, str] = {}
        while True:
            self._pass_over()
            header = self._read(_BLOCK)
            if header == bytes(_BLOCK):
                self._check_end()
                return
            info = self._header(header)
            self._left, self._padding = info.size, -info.size % _BLOCK
            if info.type == tarfile.XHDTYPE:
                if info.size > _MOST_HEADER:
                    raise self._damaged("a header of it is too long")
                said = _pax(self._read(info.size))
                self._left = 0
                continue
            if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
                raise self._damaged(f"it holds {info.name[:200]!r}, which is no regular file")
            size = said.get("size", "")
            if size.isascii() and size.isdecimal() and len(size) < 20:
                self._left, self._padding = int(size), -int(size) % _BLOCK
            yield Member(said.get("path", info.name), self._left)
            said = {}

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the member that was given last.

        Raises:
            DamagedError: they cannot be read.
        """
        while self._left:
            piece = self._read(min(self._left, _READ_BYTES))
            self._left -= len(piece)
            yield piece

    def whole(self, limit: int) -> bytes:
        """All bytes of the member; DamagedError when it is longer than ``limit``."""
        if self._left > limit:
            raise self._damaged("a part of it is longer than any export makes it")
        return b"".join(self.chunks())

    def _header(self, block: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def _pass_over(self) -> None:
        for _ in self.chunks():
            pass
        self._read(self._padding)
        self._padding = 0

    def _check_end(self) -> None:
        """Read to the end of the file: the compression's checksum comes last."""
        if self._read(_BLOCK) != bytes(_BLOCK) or self._some(1):
            raise self._damaged("something stands behind its end")

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            data = self._some(min(size, _READ_BYTES))
            if not data:
                raise self._damaged("it ends too early")
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def _some(self, size: int) -> bytes:
        try:
            data: bytes = self._stream.read(size)
        except (zstd.ZstdError, EOFError) as error:
            raise self._damaged(str(error)) from error
        except OSError as error:
            what = f"cannot read {self.path}: {error.strerror or error}"
            raise StorageError(what, "check the medium that it lies on") from error
        return data

    def _damaged(self, why: str) -> DamagedError:
        return DamagedError(f"{self.path} is damaged or no export: {why}", "carry it over again")


class _Counted(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, advance: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._advance = advance

    def read(self, size: int | None = -1, /) -> bytes:
        data: bytes = super().read(size) or b""
        self._advance(len(data))
        return data

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer) or 0
        self._advance(count)
        return count


def _pax(data: bytes) -> dict[str, str]:
    """The records of an extended header: each its length, a blank, key=value, a line's end."""
    said: dict[str, str] = {}
    while data:
        digits = data.partition(b" ")[0]
        length = int(digits) if digits.isdigit() and len(digits) < 6 else 0
        key, found, value = data[len(digits) + 1 : length].partition(b"=")
        if not found or not length:
            break
        said[key.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "surrogateescape")
        data = data[length:]
    return said


def _cannot_write(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"cannot write {path}: {error.strerror or error}",
        "free some space, or choose another place",
    )
