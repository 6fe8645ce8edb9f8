"""Which filesystem a folder lies on, by the text of mountinfo, and here."""

from __future__ import annotations

from pathlib import Path

import pytest
from rundir.places import mounted

from holdfast.rundir import mounts
from holdfast.rundir.mounts import is_shared, mount_of


def test_the_deepest_mount_counts_and_of_two_the_later() -> None:
    text = (
        "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /data rw - xfs b rw\n3 1 8:3 / /data rw - nfs c rw\n"
    )
    found = mount_of(Path("/data/x"), text)
    assert found is not None
    assert found.kind == "nfs"
    other = mount_of(Path("/database"), text)
    assert other is not None
    assert other.kind == "ext4"


@pytest.mark.parametrize(
    ("kind", "shared"),
    [("nfs4", True), ("lustre", True), ("fuse.sshfs", True), ("ext4", False), ("overlay", False)],
)
def test_what_other_machines_see(
    kind: str, shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted(monkeypatch, tmp_path, kind)
    assert is_shared(tmp_path) is shared
    assert is_shared(tmp_path) is shared


def test_where_the_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "none")
    monkeypatch.setattr(mounts, "_known", {})
    assert mount_of(tmp_path) is None
    assert not is_shared(tmp_path)
    with pytest.raises(FileNotFoundError):
        is_shared(tmp_path / "gone")


def test_the_mounts_of_this_system_are_read() -> None:
    found = mount_of(Path("/proc/self"))
    assert found is None or found.kind == "proc"
