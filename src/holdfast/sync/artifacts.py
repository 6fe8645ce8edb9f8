"""The files of artifacts that a journal names: what each is called, where its bytes may lie.

Owns the reading of manifests, of those too that wandb put into a file beside what it staged, and
the names by which such files go with their run (docs/decisions/0024-files-of-artifacts.md). Must
not know servers, nor what becomes of a file.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from holdfast.errors import DamagedError
from holdfast.journal import scan_payloads
from holdfast.records.decode import parse
from holdfast.rundir import RunDir
from holdfast.settings.load import wandb_cache_folder
from holdfast.sync.regular import open_regular

__all__ = ["SPILLED", "ArtifactFile", "artifact_files", "called"]

SPILLED = ".manifest.jl.gz"
"""Behind the name of a version: the list of its files, where wandb put that into a file."""

#: of entries. In an artifact of XXH128 each that is of it says so, and the others are MD5 still.
_MD5 = frozenset({"", "MD5"})
#: of artifacts, as far as it is known what their entries say
_KNOWN = frozenset({"", "MANIFEST_MD5", "MANIFEST_XXH128"})
_MD5_BYTES = 16
_READ_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_LONGEST_LINE = 1 << 20
_MOST_MANIFEST = 512 << 20


class ArtifactFile(NamedTuple):
    """One file that the manifest of an artifact names.

    Args:
        path: its name as a file of the run: ``artifacts/NAME/DIGEST/``, and as the manifest has it.
        version: the first three parts of that.
        size: bytes; -1 for the list of the files, where that cannot be had.
        md5: of its bytes; None when what the manifest says can not be checked here.
        places: where it may lie, the likeliest first.
        aliased: whether its version has an alias at the end of the journal; True if not asked for.
    """

    path: str
    version: str
    size: int
    md5: bytes | None
    places: tuple[str, ...]
    aliased: bool = True


class _Entry(NamedTuple):
    """One line of a manifest."""

    path: str
    digest: str
    size: int
    local_path: str
    algorithm: str
    elsewhere: bool


def artifact_files(
    run_dir: RunDir, frames: Sequence[tuple[int, int]], *, aliases: bool = False
) -> Iterator[ArtifactFile]:
    """Every file of every artifact of a run, in the order of the journal, as often as it has it.

    References have no bytes here and are none. What cannot be read names nothing: where records are
    counted it is told.

    Args:
        run_dir: the run.
        frames: where its ``artifact`` records stand, as (start, end).
        aliases: whether to find out which versions have an alias left.
    """
    owners = _owners(run_dir, frames) if aliases else None
    for artifact in _records(run_dir, frames):
        version = _version(artifact)
        aliased = owners is None or version in owners
        for file in _files(run_dir, artifact, version):
            yield file if aliased else file._replace(aliased=False)


def called(versions: Sequence[str]) -> str:
    """Versions of one artifact for people.

    >>> called(["artifacts/digits/afbb0de089c540b842e30fcad5322ede"])
    'artifact digits (afbb0de0)'
    """
    _, name, digest = versions[0].split("/")
    return f"artifact {name} ({digest[:8] if len(versions) == 1 else f'{len(versions)} versions'})"


def _records(run_dir: RunDir, frames: Sequence[tuple[int, int]]) -> Iterator[Any]:
    """The artifact records, one at a time: a manifest may be large."""
    if not frames:
        return
    try:
        file = run_dir.journal.open("rb")
    except OSError:
        return  # the journal's own reader tells it
    with file:
        for start, end in frames:
            try:
                file.seek(start)
                payloads = scan_payloads(file.read(end - start), start).payloads
                record = parse(payloads[0]) if payloads else None
            except (OSError, DamagedError):
                continue
            if record is not None and record.HasField("artifact"):
                yield record.artifact


def _owners(run_dir: RunDir, frames: Sequence[tuple[int, int]]) -> set[str]:
    """The versions that have an alias at the end: one goes to whichever version has it last."""
    owners: dict[tuple[str, str], str] = {}
    for artifact in _records(run_dir, frames):
        owners.update({(artifact.name, alias): _version(artifact) for alias in artifact.aliases})
    return set(owners.values())


def _version(artifact: Any) -> str:
    return f"artifacts/{_part(artifact.name)}/{_part(artifact.digest)}"


def _part(text: str) -> str:
    """Any text as one part of a path.

    >>> [_part(text) for text in ("run-a-table", "a/b", "..", "")]
    ['run-a-table', 'a%2Fb', '%2E.', '%']
    """
    safe = quote(text, safe=" +=@,", errors="replace") or "%"
    return f"%2E{safe[1:]}" if safe.startswith(".") else safe


def _files(run_dir: RunDir, artifact: Any, version: str) -> Iterator[ArtifactFile]:
    manifest = artifact.manifest
    if manifest.manifest_file_path:
        spilled = _Spilled(run_dir, artifact, version)
        yield spilled.file
        entries: Iterator[_Entry] = iter(spilled.entries)
    else:
        entries = _entries(manifest.contents)
    known = artifact.digest_algorithm in _KNOWN
    cache = wandb_cache_folder()  # there wandb puts what it has sent itself, and cleans up staging
    for entry in entries:
        if entry.elsewhere:
            continue
        path = f"{version}/{entry.path}"
        md5 = _md5(entry.digest) if known and entry.algorithm in _MD5 else None
        places = _places(run_dir, path, entry.local_path)
        if md5 is not None:
            digits = md5.hex()
            places += (os.path.join(cache, "artifacts/obj/md5", digits[:2], digits[2:]),)
        yield ArtifactFile(path, version, entry.size, md5, places)


def _entries(contents: Any) -> Iterator[_Entry]:
    for one in contents:
        algorithm = [extra.value_json for extra in one.extra if extra.key == "alg"]
        yield _Entry(
            one.path,
            one.digest,
            one.size,
            one.local_path,
            _text(algorithm[0]) if algorithm else "",
            bool(one.ref) or (bool(one.birth_artifact_id) and not one.local_path),
        )


def _text(value_json: str) -> str:
    try:
        value = json.loads(value_json)
    except ValueError:
        return value_json
    return value if isinstance(value, str) else value_json


def _md5(digest: str) -> bytes | None:
    try:
        found = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == _MD5_BYTES else None


def _places(run_dir: RunDir, path: str, local_path: str) -> tuple[str, ...]:
    """In the run folder, then where wandb put it, or where it lay.

    A relative path is from where the script was started: mostly the folder above ``wandb``.
    """
    folder = str(run_dir.path)
    inside = os.path.join(folder, path) if ".." not in path.split("/") else ""
    outside = local_path and os.path.join(folder, "..", "..", local_path)
    return tuple(one for one in (inside, outside) if one and "\0" not in one)


class _Spilled:
    """A manifest of more entries than a record should have, which wandb wrote into a file.

    It is taken only if its entries have the digest that the journal says: else a journal could
    have any file read as one.

    Attributes:
        file: the file itself, which goes with the run: without it nobody knows what the others are.
        entries: what it says; nothing when it cannot be had.
    """

    def __init__(self, run_dir: RunDir, artifact: Any, version: str) -> None:
        path = version + SPILLED
        places = _places(run_dir, path, artifact.manifest.manifest_file_path)
        self.entries: list[_Entry] = []
        self.file = ArtifactFile(path, version, -1, None, places)
        for place in places:
            try:
                size, md5, entries = _read_spilled(Path(place))
            except (OSError, EOFError, ValueError, KeyError, RecursionError, zlib.error):
                continue
            if _digest_of(entries) == artifact.digest:
                self.entries = entries
                self.file = ArtifactFile(path, version, size, md5, places)
                return


def _read_spilled(path: Path) -> tuple[int, bytes, list[_Entry]]:
    """Size and MD5 of the file, and what it says; ValueError when that is no manifest."""
    with open_regular(path) as opened, os.fdopen(os.dup(opened.fd), "rb") as raw:
        if os.fstat(opened.fd).st_size > _MOST_MANIFEST or raw.read(len(_GZIP)) != _GZIP:
            raise ValueError("no manifest")
        raw.seek(0)
        size, md5 = 0, hashlib.md5(usedforsecurity=False)
        while data := raw.read(_READ_BYTES):
            size += len(data)
            md5.update(data)
        raw.seek(0)
        entries = []
        left = _MOST_MANIFEST
        with gzip.open(raw, "rb") as lines:
            while line := lines.readline(min(_LONGEST_LINE, left + 1)):
                left -= len(line)
                if left < 0:
                    raise ValueError("longer than any manifest")
                entries.append(_entry(json.loads(line)))
    return size, md5.digest(), entries


def _entry(said: Any) -> _Entry:
    if not isinstance(said, dict) or not isinstance(extra := said.get("extra") or {}, dict):
        raise ValueError("no entry of a manifest")
    local_path = said.get("local_path") or ""
    born = bool(said.get("birthArtifactID") or said.get("birth_artifact_id"))
    elsewhere = bool(said.get("ref")) or (born and not local_path)
    size, algorithm = said.get("size") or 0, extra.get("alg") or ""
    entry = _Entry(said["path"], said["digest"], size, local_path, algorithm, elsewhere)
    if not all(isinstance(entry[n], str) for n in (0, 1, 3, 4)) or type(size) is not int:
        raise ValueError("no entry of a manifest")
    return entry


def _digest_of(entries: Sequence[_Entry]) -> str:
    """The digest of an artifact as wandb makes it of its entries."""
    hasher = hashlib.md5(b"wandb-artifact-manifest-v1\n", usedforsecurity=False)
    for entry in sorted(entries, key=lambda one: one.path):
        hasher.update(f"{entry.path}:{entry.digest}\n".encode("utf-8", "replace"))
    return hasher.hexdigest()
