"""Bundles that come from elsewhere: nothing they say leaves the folder they are unpacked into."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from sync.bundle.carrying import END, HEAD, archive, content, manifest, unpacked

from holdfast.errors import DamagedError, HoldfastError
from holdfast.sync.bundle.archive import zstd

JOURNAL = b"journal"


def refused(path: Path) -> str:
    """Why a volume is refused; and nothing of it may be left on the disk."""
    into = path.parent / "deep" / "into"
    try:
        errors = [str(one.error) for one in unpacked([path], into) if one.error]
    except HoldfastError as error:
        errors = [str(error)]
    assert not content(into)
    assert not list(into.glob("*"))
    assert {item.name for item in path.parent.iterdir()} <= {path.name, "deep"}
    assert errors
    return " | ".join(errors)


def member(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


STRANGE = [
    "runs/run-a/../../escaped",
    "runs/../../escaped",
    "/etc/escaped",
    "runs//escaped",
    "pieces/x/run-a/run-a.wandb",
    "pieces/99999999999999999999999/run-a/run-a.wandb",
    "escaped",
    "runs/run-b/run-b.wandb",
    "runs/run-a/files/unnamed",
    "runs/run-a/" + "a/" * 3000 + "b",
    "runs/run-a/files/\udcff",
]


@pytest.mark.parametrize("name", STRANGE, ids=range(len(STRANGE)))
def test_a_name_that_the_manifest_does_not_name(tmp_path: Path, name: str) -> None:
    told = manifest({"run-a.wandb": JOURNAL})
    parts = [("holdfast-bundle.json", HEAD), ("holdfast-manifest-1.json", told), (name, b"x")]
    refused(archive(tmp_path / "x.tar.zst", [*parts, ("holdfast-end.json", END)]))


def test_a_volume_whose_number_is_made_to_be_counted_up_to(tmp_path: Path) -> None:
    head = HEAD.replace(b'"volume": 1', b'"volume": 1000000000')
    told = manifest({"run-a.wandb": JOURNAL})
    parts = [("holdfast-bundle.json", head), ("holdfast-manifest-1.json", told)]
    path = archive(tmp_path / "x.tar.zst", [*parts, ("holdfast-end.json", END)])
    assert "volumes 1 to 999999999 of the export" in refused(path)


@pytest.mark.parametrize(
    "said",
    [
        {"place": "../escaped"},
        {"place": "/escaped"},
        {"place": ".hidden"},
        {"place": "a/../../b"},
        {"place": "a\\b"},
        {"journal": "../run-a.wandb"},
        {"journal": "other.wandb"},
        {"journal": 7},
        {"number": -1},
        {"files": [{"path": "run-a.wandb", "size": -1, "digest": "x", "mtime_ns": 0}]},
        {"files": "none"},
    ],
    ids=str,
)
def test_a_manifest_that_is_wrong(tmp_path: Path, said: dict[str, object]) -> None:
    told = manifest({"run-a.wandb": JOURNAL}, **said)
    parts = [("holdfast-bundle.json", HEAD), ("holdfast-manifest-1.json", told)]
    parts += [("runs/run-a/run-a.wandb", JOURNAL), ("holdfast-end.json", END)]
    refused(archive(tmp_path / "x.tar.zst", parts))


@pytest.mark.parametrize(
    "path",
    ["files/../../x", "/x", "other/x", "files/a\0b", "run-b.wandb", ".bashrc", "files\\..\\x"],
)
def test_a_manifest_that_names_what_is_no_file_of_a_run(tmp_path: Path, path: str) -> None:
    told = manifest({"run-a.wandb": JOURNAL, path: b"x"})
    parts = [("holdfast-bundle.json", HEAD), ("holdfast-manifest-1.json", told)]
    refused(archive(tmp_path / "x.tar.zst", [*parts, ("holdfast-end.json", END)]))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    told = manifest({"run-a.wandb": JOURNAL, "files/x": b"x"})
    odd = member("runs/run-a/files/x", kind, "/etc/passwd")
    parts = [("holdfast-bundle.json", HEAD), ("holdfast-manifest-1.json", told)]
    parts += [("runs/run-a/run-a.wandb", JOURNAL), (odd, b""), ("holdfast-end.json", END)]
    assert "no regular file" in refused(archive(tmp_path / "x.tar.zst", parts))


def test_bytes_that_are_not_what_the_manifest_says(tmp_path: Path) -> None:
    told = manifest({"run-a.wandb": JOURNAL})
    parts = [("holdfast-bundle.json", HEAD), ("holdfast-manifest-1.json", told)]
    parts += [("runs/run-a/run-a.wandb", b"another"), ("holdfast-end.json", END)]
    assert "run-a.wandb (its digest)" in refused(archive(tmp_path / "x.tar.zst", parts))


def test_more_bytes_than_the_manifest_says(tmp_path: Path) -> None:
    """A bomb: a megabyte of zeros in every kilobyte."""
    told = manifest({"run-a.wandb": JOURNAL})
    parts = [("holdfast-bundle.json", HEAD), ("holdfast-manifest-1.json", told)]
    parts += [("runs/run-a/run-a.wandb", bytes(50_000_000)), ("holdfast-end.json", END)]
    assert "not what the manifest names" in refused(archive(tmp_path / "x.tar.zst", parts))


def test_a_manifest_of_more_than_the_disk_holds(tmp_path: Path) -> None:
    big = {"path": "files/x", "size": 1 << 62, "digest": "sha256:" + "0" * 64, "mtime_ns": 0}
    journal = {**big, "path": "run-a.wandb", "size": 7}
    told = manifest({}, files=[journal, big])
    parts = [("holdfast-bundle.json", HEAD), ("holdfast-manifest-1.json", told)]
    assert "needs" in refused(archive(tmp_path / "x.tar.zst", [*parts, ("holdfast-end.json", END)]))


def test_headers_that_never_end(tmp_path: Path) -> None:
    """An extended header of 200 MB of blanks compresses to nothing, and must not be read."""
    info = member("pax", tarfile.XHDTYPE)
    info.size = 200_000_000
    data = info.tobuf(tarfile.USTAR_FORMAT) + bytes(200_000_000)
    path = tmp_path / "x.tar.zst"
    path.write_bytes(zstd.compress(data))
    assert "a header of it is too long" in refused(path)


def test_json_that_never_ends(tmp_path: Path) -> None:
    parts = [("holdfast-bundle.json", b" " * 100_000_000)]
    assert "longer than any export" in refused(archive(tmp_path / "x.tar.zst", parts))
    nested = b'{"format":' + b"[" * 100_000
    assert "cannot be read" in refused(
        archive(tmp_path / "x.tar.zst", [("holdfast-bundle.json", nested)])
    )


def test_a_newer_format_is_said(tmp_path: Path) -> None:
    head = HEAD.replace(b'"format": 1', b'"format": 9')
    assert "format 9; update" in refused(
        archive(tmp_path / "x.tar.zst", [("holdfast-bundle.json", head)])
    )


def test_a_link_where_the_run_would_go(tmp_path: Path) -> None:
    """What lies in the folder already is the user's; it is not followed, and not written over."""
    told = manifest({"run-a.wandb": JOURNAL})
    parts = [("holdfast-bundle.json", HEAD), ("holdfast-manifest-1.json", told)]
    parts += [("runs/run-a/run-a.wandb", JOURNAL), ("holdfast-end.json", END)]
    volume = archive(tmp_path / "x.tar.zst", parts)
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "run-a").symlink_to(tmp_path / "elsewhere")
    (found,) = unpacked([volume], tmp_path / "into")
    assert found.error is not None
    assert not (tmp_path / "elsewhere").exists()


def test_a_good_bundle_by_another_hand_is_taken(tmp_path: Path) -> None:
    told = manifest({"run-a.wandb": JOURNAL, "files/x": b""})
    parts = [("holdfast-bundle.json", HEAD), ("holdfast-manifest-1.json", told)]
    parts += [("runs/run-a/run-a.wandb", JOURNAL), ("runs/run-a/files/x", b"")]
    volume = archive(tmp_path / "x.tar.zst", [*parts, ("holdfast-end.json", END)])
    (found,) = unpacked([volume], tmp_path / "into")
    assert found.error is None
    assert content(tmp_path / "into") == {"run-a/run-a.wandb": JOURNAL, "run-a/files/x": b""}


def test_no_volume_at_all(tmp_path: Path) -> None:
    volume = archive(tmp_path / "x.tar.zst", [("README", b"hello")])
    with pytest.raises(DamagedError, match="no export of Holdfast"):
        unpacked([volume], tmp_path / "into")
