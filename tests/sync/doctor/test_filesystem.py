"""Filesystems by the text of mountinfo, and the one that the tests run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from holdfast.sync.doctor.filesystem import look_at_filesystem

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / {0}/nfs rw,relatime - nfs4 store:/home rw,vers=4.2
31 22 0:41 / {0}/lustre rw - lustre 10.0.0.1@tcp:/scratch rw,flock
32 22 0:42 / {0}/gpfs rw - gpfs fs0 rw
33 22 0:43 / {0}/beegfs rw - beegfs beegfs_nodev rw
34 22 0:44 / {0}/fuse rw master:1 - fuse.sshfs host:/data rw
35 22 0:45 / {0}/with\\040space ro,relatime - ext4 /dev/sdb rw
36 22 0:46 / {0}/frozen rw - squashfs /dev/loop0 ro
nonsense
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nfs", "NFS, a filesystem that several machines share"),
        ("lustre", "Lustre, a filesystem"),
        ("gpfs", "GPFS (Spectrum Scale)"),
        ("beegfs", "BeeGFS"),
        ("fuse", "FUSE (sshfs)"),
        ("with space", "read-only"),
        ("frozen", "read-only"),
    ],
)
def test_each_kind(tmp_path: Path, name: str, words: str) -> None:
    folder = tmp_path / name / "project/wandb"
    folder.mkdir(parents=True)
    [found] = look_at_filesystem(folder, MOUNTS.format(tmp_path.resolve()))
    assert words in found.what
    assert str(tmp_path / name) in found.evidence
    assert found.cure


def test_an_ordinary_disk_has_nothing_to_say(tmp_path: Path) -> None:
    assert list(look_at_filesystem(tmp_path, MOUNTS.format(tmp_path))) == []
    assert list(look_at_filesystem(tmp_path, "")) == []
    assert all(found.severity != "error" for found in look_at_filesystem(tmp_path))


def test_names_whose_case_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "wandb"
    folder.mkdir()
    real = os.path.samefile

    def same(one: Path, other: Path) -> bool:
        return str(one).lower() == str(other).lower() or real(one, other)

    monkeypatch.setattr(os.path, "samefile", same)
    [found] = look_at_filesystem(folder, "")
    assert "one name" in found.what
