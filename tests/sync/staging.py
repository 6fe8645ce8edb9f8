"""Runs that logged artifacts, with what wandb staged outside the run folder."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.journal import Frame, Reader, Writer
from holdfast.records.decode import kind, parse
from holdfast.records.schema import Record
from holdfast.rundir import RunDir
from holdfast.sync.artifacts import ArtifactFile, artifact_files
from holdfast.sync.survey import Survey


def md5_of(data: bytes) -> str:
    """As manifests have it."""
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def digest_of_manifest(files: Mapping[str, bytes]) -> str:
    """As wandb makes it."""
    lines = "".join(f"{path}:{md5_of(files[path])}\n" for path in sorted(files))
    return hashlib.md5(b"wandb-artifact-manifest-v1\n" + lines.encode()).hexdigest()


def stage(staging: Path, data: bytes) -> Path:
    """A staged file, named much as wandb names them."""
    staging.mkdir(parents=True, exist_ok=True)
    path = staging / f"tmp{len(os.listdir(staging)):08x}"
    path.write_bytes(data)
    return path


def artifact_record(
    staging: Path,
    files: Mapping[str, bytes],
    *,
    name: str = "model",
    spill: bool = False,
    **said: Any,
) -> bytes:
    """The payload of an artifact record, its files staged."""
    record = Record()
    artifact = record.artifact
    aliases = said.pop("aliases", ["latest"])
    known: dict[str, Any] = {"type": "model", "name": name, "digest": digest_of_manifest(files)}
    for field, value in {**known, **said}.items():
        setattr(artifact, field, value)
    artifact.aliases.extend(aliases)
    artifact.manifest.version = 1
    lines = []
    for path, data in files.items():
        staged = str(stage(staging, data))
        if spill:
            entry = {"path": path, "digest": md5_of(data), "size": len(data), "local_path": staged}
            lines.append(json.dumps(entry) + "\n")
        else:
            artifact.manifest.contents.add(
                path=path, digest=md5_of(data), size=len(data), local_path=staged
            )
    if spill:
        place = stage(
            staging / "artifact_manifests", gzip.compress("".join(lines).encode(), mtime=0)
        )
        artifact.manifest.manifest_file_path = str(place)
    data: bytes = record.SerializeToString()
    return data


def files_of(run_dir: RunDir) -> list[ArtifactFile]:
    """What the artifacts of a run name."""
    with Survey(run_dir.journal) as survey:
        survey.advance(growing=False)
    return list(artifact_files(run_dir, survey.artifacts, aliases=True))


def restage(run_dir: RunDir, home: Path) -> list[Path]:
    """Let a recorded run name its staged files where its archive was unpacked: below ``home``.

    Returns:
        Those of them that the archive has.
    """
    with run_dir.journal.open("rb") as file:
        payloads = [item.payload for item in Reader(file) if isinstance(item, Frame)]
    run_dir.journal.unlink()
    writer = Writer(run_dir.journal, fsync="never")
    staged = []
    for payload in payloads:
        if kind(payload) == "artifact":
            record = parse(payload)
            for entry in record.artifact.manifest.contents:
                if entry.local_path.startswith("/home/"):
                    entry.local_path = str(home.joinpath(*Path(entry.local_path).parts[3:]))
                    staged.append(Path(entry.local_path))
            payload = record.SerializeToString()
        writer.append(payload)
    writer.close()
    return [path for path in staged if path.exists()]
