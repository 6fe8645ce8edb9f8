"""Paths of the HTTP interface: templates that a server routes by, and functions that build them.

Owns every path below ``/api/v1`` and the id of a journal. Must not know what lies behind one.
A template's parts in braces are percent-encoded names; after decoding, the checks of
`holdfast.ids` apply to them.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple
from urllib.parse import quote

from holdfast.errors import RefusedError
from holdfast.ids import RunPath

__all__ = [
    "API",
    "BLOB",
    "CHUNKS",
    "CONSOLE",
    "CONTENT",
    "EDIT",
    "FILE",
    "FILES",
    "HISTORY",
    "JOURNAL",
    "JOURNAL_FILES",
    "KEYS",
    "PROJECTS",
    "READMIT",
    "RECEIPT",
    "RECEIPTS",
    "RUN",
    "RUNS",
    "SAMPLED",
    "VIEWER",
    "JournalPath",
    "blob",
    "check_journal_id",
    "chunks",
    "console",
    "edit",
    "file",
    "files",
    "history",
    "journal",
    "journal_files",
    "journal_id",
    "page",
    "readmit",
    "receipt",
    "run",
    "runs",
    "sampled",
]

API = "/api/v1"

VIEWER = f"{API}/viewer"
JOURNAL = f"{API}/runs/{{entity}}/{{project}}/{{run_id}}/journals/{{journal}}"
CHUNKS = f"{JOURNAL}/chunks"
JOURNAL_FILES = f"{JOURNAL}/files"
RECEIPT = f"{JOURNAL}/receipt"
CONTENT = f"{JOURNAL}/content"
RECEIPTS = f"{API}/receipts"
BLOB = f"{API}/blobs/{{entity}}/{{digest}}"

PROJECTS = f"{API}/projects"
RUNS = f"{PROJECTS}/{{entity}}/{{project}}/runs"
KEYS = f"{PROJECTS}/{{entity}}/{{project}}/keys"
RUN = f"{API}/runs/{{entity}}/{{project}}/{{run_id}}"
EDIT = f"{RUN}/edit"
READMIT = f"{RUN}/readmit"
HISTORY = f"{RUN}/history"
SAMPLED = f"{RUN}/history/sampled"
CONSOLE = f"{RUN}/console"
FILES = f"{RUN}/files"
FILE = f"{RUN}/files/{{path:path}}"

_JOURNAL_ID = re.compile(r"[0-9a-f]{32}")


class JournalPath(NamedTuple):
    """The full name of a journal: its run and its id."""

    run: RunPath
    journal: str


def journal_id(payload: bytes) -> str:
    """The id of the journal whose first ``run`` record (else first frame) is ``payload``.

    It depends on nothing but the journal's own bytes, so copies of one run folder are one journal.
    """
    return hashlib.sha256(payload).hexdigest()[:32]


def check_journal_id(text: str) -> str:
    """Return ``text`` if it is a journal's id.

    Raises:
        RefusedError: it is not 32 hex digits (400 ``bad_request``).
    """
    if _JOURNAL_ID.fullmatch(text):
        return text
    raise RefusedError(
        f"{text[:80]!r} is not the id of a journal",
        "write 32 hex digits",
        status=400,
        code="bad_request",
    )


def journal(of: JournalPath) -> str:
    """``GET``: the position of a journal."""
    return f"{run(of.run)}/journals/{_quoted(of.journal)}"


def chunks(of: JournalPath, start: int) -> str:
    """``POST``: a chunk that begins at byte ``start`` of the journal."""
    return f"{journal(of)}/chunks?start={start}"


def journal_files(of: JournalPath) -> str:
    """``POST``: the run's files by path and digest, with the bytes of small ones."""
    return f"{journal(of)}/files"


def receipt(of: JournalPath) -> str:
    """``POST``: a claim, answered by a receipt."""
    return f"{journal(of)}/receipt"


def blob(entity: str, digest: str) -> str:
    """``GET``: how much of a blob is there; ``PUT`` with ``?offset=N&size=TOTAL``: a part."""
    return f"{API}/blobs/{_quoted(entity)}/{_quoted(digest)}"


def runs(entity: str, project: str) -> str:
    """``GET``: the runs of a project."""
    return f"{PROJECTS}/{_quoted(entity)}/{_quoted(project)}/runs"


def run(of: RunPath) -> str:
    """``GET``: one run.

    >>> run(RunPath("team", "my digits", "4k2j9x0a"))
    '/api/v1/runs/team/my%20digits/4k2j9x0a'
    """
    return f"{API}/runs/{_quoted(of.entity)}/{_quoted(of.project)}/{_quoted(of.run_id)}"


def page(of: RunPath) -> str:
    """Where a browser sees a run.

    >>> page(RunPath("team", "my digits", "4k2j9x0a"))
    '/team/my%20digits/runs/4k2j9x0a'
    """
    return f"/{_quoted(of.entity)}/{_quoted(of.project)}/runs/{_quoted(of.run_id)}"


def edit(of: RunPath) -> str:
    """``POST``: a change of what a run says of itself."""
    return f"{run(of)}/edit"


def readmit(of: RunPath) -> str:
    """``POST``: a run that was deleted may come again."""
    return f"{run(of)}/readmit"


def history(of: RunPath) -> str:
    """``GET``: every row of a run, NDJSON."""
    return f"{run(of)}/history"


def sampled(of: RunPath) -> str:
    """``GET``: rows of a run, thinned."""
    return f"{run(of)}/history/sampled"


def console(of: RunPath) -> str:
    """``GET``: the console of a run, by line."""
    return f"{run(of)}/console"


def files(of: RunPath) -> str:
    """``GET``: the files of a run."""
    return f"{run(of)}/files"


def file(of: RunPath, path: str) -> str:
    """``GET``: the bytes of one file of a run."""
    return f"{files(of)}/{quote(path, safe='/')}"


def _quoted(name: str) -> str:
    return quote(name, safe="")
