"""One body of ``file_stream``: which lines of which streams, and what else it says.

Owns the shape of the body and what is refused of it. Must not know what becomes of a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.errors import RefusedError
from holdfast.wire import check_file_path

__all__ = ["MAX_OFFSET", "Lines", "Posted", "each_once", "malformed", "read_body"]

MAX_OFFSET = 2**53
"""Beyond it numbers of lines are no longer exact in every client."""

_MAX_LINES = 1_000_000
_MAX_LINE = 64 * 1024 * 1024  # characters; clients drop what is longer than 10 MiB


@dataclass(frozen=True)
class Lines:
    """Lines of one stream, the first of which has the number ``offset``."""

    offset: int = 0
    content: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """The number after that of the last line."""
        return self.offset + len(self.content)


@dataclass(frozen=True)
class Posted:
    """What a body says.

    Args:
        history: rows of metrics.
        events: system metrics.
        summary: the summary as it is now; its last line counts.
        output: the console.
        uploaded: paths of files whose bytes have been put.
        preempting: the machine will be taken away.
        exit_code: how the run ended; None while it has not.
    """

    history: Lines = Lines()
    events: Lines = Lines()
    summary: Lines = Lines()
    output: Lines = Lines()
    uploaded: tuple[str, ...] = ()
    preempting: bool = False
    exit_code: int | None = None


_STREAMS = {
    "wandb-history.jsonl": "history",
    "wandb-events.jsonl": "events",
    "wandb-summary.json": "summary",
    "output.log": "output",
}


def read_body(body: bytes) -> Posted:
    """Read a body.

    Raises:
        RefusedError: 400 when it is malformed.

    Example:
        >>> read_body(b'{"complete": true, "exitcode": 1}').exit_code
        1
    """
    try:
        said = json.loads(body, object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:
        raise malformed("the body is not JSON, or has a key twice") from error
    if not isinstance(said, dict):
        raise malformed("the body is no JSON object")
    files = {} if said.get("files") is None else said["files"]
    if not isinstance(files, dict):
        raise malformed("'files' is no object")
    streams = {
        _STREAMS[name]: _lines(name, given) for name, given in files.items() if name in _STREAMS
    }
    uploaded = [] if said.get("uploaded") is None else said["uploaded"]
    if not isinstance(uploaded, list) or not all(map(_is_path, uploaded)):
        raise malformed("'uploaded' is no list of paths of files below the run")
    return Posted(
        **streams,
        uploaded=tuple(uploaded),
        preempting=said.get("preempting") is True,
        exit_code=_exit_code(said),
    )


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, for `json.loads`; ValueError when a key comes twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _is_path(given: Any) -> bool:
    try:
        return isinstance(given, str) and check_file_path(given) == given
    except RefusedError:
        return False


def malformed(what: str) -> RefusedError:
    """The refusal of a body that no client of W&B sends."""
    return RefusedError(what, "see docs/formats/wandb-gateway.md", status=400, code="bad_request")


def _lines(name: str, given: Any) -> Lines:
    if not isinstance(given, dict):
        raise malformed(f"{name} is no object")
    offset, content = given.get("offset", 0), given.get("content", [])
    if type(offset) is not int or not 0 <= offset <= MAX_OFFSET:
        raise malformed(f"the offset of {name} is no number from 0 to 2**53")
    if isinstance(content, str):  # one line
        content = [content]
    if not isinstance(content, list) or not all(isinstance(line, str) for line in content):
        raise malformed(f"the content of {name} is no list of lines")
    if len(content) > _MAX_LINES or any(len(line) > _MAX_LINE for line in content):
        raise malformed(f"more than {_MAX_LINES} lines of {name}, or one that is too long")
    return Lines(offset, tuple(content))


def _exit_code(said: Mapping[str, Any]) -> int | None:
    if said.get("complete") is not True:
        return None
    code = said.get("exitcode", 0)
    if type(code) is not int or not -(2**31) <= code < 2**31:
        raise malformed("'exitcode' is no number of 32 bits")
    return code
