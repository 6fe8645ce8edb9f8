"""The files of a run that its journal names: by its `files` records, by the media in its rows.

Owns which names those are and whether what they name lies below ``files/``, unchanged. Must not
know servers, nor what a row is about.
"""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from holdfast.errors import DamagedError
from holdfast.records.decode import history_row, parse
from holdfast.sync.regular import open_regular
from holdfast.wire.digests import digest_of_file, format_digest

__all__ = ["Named"]


class Named:
    """Names gathered from records.

    Attributes:
        files: path below ``files/`` -> SHA-256 of its bytes in hex as its row says; empty where
            nobody said.

    Example:
        >>> named = Named()
        >>> named.take("files", payload)
        >>> named.missing(run_dir.files)
        ['media/images/a_0_1f.png: it is gone']
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def take(self, kind: str, payload: bytes) -> None:
        """Take the names in one record; a body that is no record names nothing."""
        if kind == "history" and b"_type" not in payload:
            return
        if kind not in ("files", "history"):
            return
        try:
            record = parse(payload)
        except DamagedError:
            return  # counted and told where records are read
        if kind == "files":
            for item in record.files.files:
                self.files.setdefault(item.path, "")
        else:
            for value in _media(history_row(record.history)):
                self.files[value["path"]] = _sha256(value)

    def names(self, path: str) -> bool:
        """Whether a path below ``files/`` is one of the names, or fits one that is a pattern."""
        return path in self.files or any(fnmatch.fnmatchcase(path, name) for name in self.files)

    def missing(self, root: Path) -> list[str]:
        """A line for each name below ``root`` behind which not the bytes lie that were meant."""
        lines = []
        for path, digest in self.files.items():
            why = _look(root / path, digest) if _is_below(path) else ""
            if why and not _matches_some(root, path):
                lines.append(f"{path}: {why}")
        return lines


def _media(value: Any) -> Iterator[dict[str, Any]]:
    """The media values in a row, which are dicts with a type and a path."""
    if isinstance(value, dict):
        if isinstance(value.get("_type"), str) and isinstance(value.get("path"), str):
            yield value
        yield from _in_each(value.values())
    elif isinstance(value, list):
        yield from _in_each(value)


def _in_each(values: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for value in values:
        yield from _media(value)


def _sha256(value: dict[str, Any]) -> str:
    digest = value.get("sha256")
    return digest if isinstance(digest, str) and len(digest) == 64 else ""


def _is_below(path: str) -> bool:
    """Whether a path stays below the folder; one that does not is nobody's file here."""
    return not os.path.isabs(path) and ".." not in path.split("/") and "\0" not in path


def _look(path: Path, digest: str) -> str:
    """What is wrong with a file; empty when nothing is."""
    try:
        with open_regular(path) as file:
            if not digest:
                return ""
            found, _ = digest_of_file(file.fd)
    except FileNotFoundError:
        return "a link to nothing" if path.is_symlink() else "it is gone"
    except OSError as error:
        return error.strerror or str(error)
    same = found == format_digest(digest.lower())
    return "" if same else "its bytes are not what its row says"


def _matches_some(root: Path, path: str) -> bool:
    """Whether a path is a pattern (wandb 0.13 names what `save` was told) of files there."""
    if not glob.has_magic(path):
        return False
    return next(glob.iglob(str(Path(glob.escape(str(root)), path))), None) is not None
