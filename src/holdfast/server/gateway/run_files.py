"""Files of runs as wandb clients read them: lists, and addresses that carry their authority.

Must not know where the bytes are.
"""

from __future__ import annotations

import mimetypes
import posixpath
import re
from collections.abc import Mapping
from typing import Any

from holdfast.errors import UsageError
from holdfast.ids import RunPath
from holdfast.records.times import iso
from holdfast.server.gateway.context import Context, Fields
from holdfast.server.gateway.names import make_id
from holdfast.server.gateway.paging import connection
from holdfast.wire import check_file_path

__all__ = ["FIELDS", "file_name", "file_source"]

_Arguments = Mapping[str, Any]
_PAGE = 50
_NO_FILE = "0"
"""The md5 by which clients know a file that they named and that is not there."""


def file_name(name: object) -> str:
    """A file's path below the run from how clients write it, ``./a//b`` say.

    Raises:
        UsageError: it is no text. RefusedError: it leaves the run.
    """
    if not isinstance(name, str):
        raise UsageError("the name of a file is no text", "send its path below the run")
    return check_file_path(posixpath.normpath(name))


def file_source(
    run: RunPath, path: str, row: Mapping[str, Any] | None, context: Context
) -> dict[str, Any]:
    """A file as an object of the schema; ``row`` is None for one that is not there."""
    url = context.signer.read_url(context.base_url, run, path)
    return {
        "run": run,
        "id": make_id("File", *run, path),
        "name": path,
        "displayName": path,
        "directUrl": url,
        "sizeBytes": row["size"] if row else 0,
        "mimetype": mimetypes.guess_type(path)[0] or "",
        "updatedAt": iso(row["updated_at"]) if row else None,
        "md5": None if row else _NO_FILE,
        "digest": row["digest"] if row else None,
        "uploadHeaders": [],
    }


def _files(source: Any, context: Context, arguments: _Arguments) -> dict[str, Any]:
    run = source["entry"].path
    rows = {row["path"]: row for row in context.queries.files(run)["files"]}
    names, pattern = arguments.get("names"), arguments.get("pattern")
    if names:
        paths = list(dict.fromkeys(file_name(name) for name in names))
    elif pattern:
        wanted = _like(pattern)
        paths = [path for path in rows if wanted.fullmatch(path)]
    else:
        paths = list(rows)
    nodes = [file_source(run, path, rows.get(path), context) for path in paths]
    # Named files are all wanted, however many there are: uploads wait for their addresses.
    page = max(_PAGE, len(paths)) if names else _PAGE
    return {**connection(nodes, paths, arguments, page), "uploadHeaders": []}


def _like(pattern: str) -> re.Pattern[str]:
    """SQL's LIKE: ``%`` for any text, ``_`` for any character. Many ``%`` are as good as one."""
    parts = re.findall(r"%+|.", pattern, flags=re.DOTALL)
    if sum(part[0] == "%" for part in parts) > 8:
        raise UsageError("a pattern with more than 8 '%'", "use fewer")
    words = {"%": ".*?", "_": "."}
    return re.compile("".join(words.get(part[0], re.escape(part)) for part in parts), re.DOTALL)


def _url(source: Any, context: Context, arguments: _Arguments) -> str:
    if arguments.get("upload"):
        run: RunPath = source["run"]
        return context.signer.write_url(context.base_url, run, source["name"])
    url: str = source["directUrl"]
    return url


def _file_count(source: Any, context: Context, arguments: _Arguments) -> int:
    del arguments
    return len(context.queries.files(source["entry"].path)["files"])


FIELDS: Fields = {"Run": {"files": _files, "fileCount": _file_count}, "File": {"url": _url}}
