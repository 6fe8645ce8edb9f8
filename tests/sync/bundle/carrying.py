"""What the tests of bundles share: packing, unpacking, and volumes made by a hostile hand."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from holdfast.rundir import RunDir
from holdfast.sync.bundle.archive import zstd
from holdfast.sync.bundle.pack import Packed, Packer
from holdfast.sync.bundle.unpack import Unpacked, unpack
from holdfast.wire import digest_of


def pack(out: Path, runs: Sequence[RunDir], split: int = 0) -> tuple[list[Path], list[Packed]]:
    packer = Packer(out, split, "test", advance=lambda size: None)
    packed = list(packer.pack(runs))
    return packer.volumes, packed


def unpacked(volumes: Sequence[Path], into: Path) -> list[Unpacked]:
    return list(unpack(volumes, into, advance=lambda size: None))


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def carried(run_dir: RunDir) -> dict[str, bytes]:
    """What of a run folder is packed."""
    found = content(run_dir.path)
    return {
        path: data
        for path, data in found.items()
        if path == run_dir.journal.name or path.startswith(("files/", "logs/"))
    }


def manifest(held: Mapping[str, bytes], **said: Any) -> bytes:
    """A manifest as a hostile hand may write it."""
    entries = [
        {"path": path, "size": len(data), "digest": digest_of(data), "mtime_ns": 0}
        for path, data in held.items()
    ]
    whole = {"number": 1, "place": "run-a", "journal": "run-a.wandb", "files": entries, **said}
    return json.dumps(whole).encode()


HEAD = json.dumps({"format": 1, "bundle": "b", "volume": 1, "by": "test"}).encode()
END = json.dumps({"last": True, "open": None}).encode()


def archive(path: Path, members: Sequence[tuple[str | tarfile.TarInfo, bytes]]) -> Path:
    """A volume by Python's own tar, with any members."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data))
    # Its end is padded to records, which ours is not.
    bare = raw.getvalue().rstrip(b"\0")
    bare += bytes(-len(bare) % 512 + 1024)
    path.write_bytes(zstd.compress(bare))
    return path
