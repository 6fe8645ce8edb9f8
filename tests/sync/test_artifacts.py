"""The files of artifacts: found wherever they lie, proven, sent once, said where they are gone."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from pathlib import Path

import pytest
from sync.making import Listener, context, make_run
from sync.memory_server import MemoryServer
from sync.staging import (
    artifact_record,
    digest_of_manifest,
    files_of,
    md5_of,
    restage,
)
from wandb_runs import Fixture, fixtures

from holdfast.errors import UnreachableError
from holdfast.records.decode import parse
from holdfast.rundir import RunDir
from holdfast.sync.artifacts import called
from holdfast.sync.many import remove_run
from holdfast.sync.one import sync_run
from holdfast.sync.report import Outcome
from holdfast.sync.verify import verify_run
from holdfast.sync.wanted import Wanted

FILES = {"weights.bin": b"w" * 3000, "deep/config.json": b"{}", "empty": b""}
OTHER = {"weights.bin": b"v" * 3000, "deep/config.json": b"{}", "empty": b""}


def named(server: MemoryServer) -> dict[str, bytes]:
    """What the server holds of the only run, by path."""
    ((journal, files),) = server.files.items()
    return {p: server.blobs[journal.run.entity, e.digest] for p, e in files.items()}


def of_artifacts(server: MemoryServer) -> dict[str, bytes]:
    return {path: data for path, data in named(server).items() if path.startswith("artifacts/")}


def under(files: dict[str, bytes], name: str = "model") -> dict[str, bytes]:
    folder = f"artifacts/{name}/{digest_of_manifest(files)}"
    return {f"{folder}/{path}": data for path, data in files.items()}


def synced(server: MemoryServer, run_dir: RunDir, **wishes: object) -> Outcome:
    return sync_run(context(server, **wishes), run_dir)


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    return tmp_path / "data/artifacts/staging"


@pytest.fixture
def run_dir(tmp_path: Path, staging: Path) -> RunDir:
    records = [artifact_record(staging, FILES), artifact_record(staging, OTHER)]
    return make_run(tmp_path / "wandb", "aa", records=records)


@pytest.mark.parametrize(
    "fixture", [*fixtures(scenario="artifact"), *fixtures(scenario="media")], ids=str
)
def test_every_byte_of_what_real_versions_staged(fixture: Fixture, tmp_path: Path) -> None:
    for process in fixture.unpack(tmp_path):
        run_dir = RunDir(process.journal)
        staged = restage(run_dir, tmp_path / "home")
        server = MemoryServer()
        outcome = synced(server, run_dir)
        assert outcome.state == "confirmed", outcome.error
        assert len(of_artifacts(server)) == len(staged)
        held = {
            (path.split("/", 3)[1], path.split("/", 3)[3]): data
            for path, data in of_artifacts(server).items()
        }
        truth = {
            (artifact["name"], entry["path"]): entry["sha256"]
            for artifact in process.truth.get("artifacts", [])
            for entry in artifact["entries"]
            if "sha256" in entry
        }
        for key, sha256 in truth.items():
            if key != ("demo-data", "made/here.txt") or key in held:
                assert hashlib.sha256(held[key]).hexdigest() == sha256
        lost = [note for note in outcome.notes if "are gone from where wandb staged them" in note]
        assert len(lost) == (("demo-data", "made/here.txt") in truth.keys() - held.keys())


def test_two_versions_and_a_second_sync(run_dir: RunDir) -> None:
    server = MemoryServer()
    assert synced(server, run_dir).state == "confirmed"
    assert of_artifacts(server) == {**under(FILES), **under(OTHER)}
    before = server.calls.copy()
    again = synced(server, run_dir)
    assert (again.state, again.sent) == ("confirmed", 0)
    assert server.calls["part"] == before["part"]


def test_metrics_then_files_then_artifacts(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MemoryServer()
    order: list[str] = []
    inner = server.name_files

    def name_files(journal, entries, blobs):  # type: ignore[no-untyped-def]
        order.extend(entry.path.split("/")[0] for entry in entries)
        return inner(journal, entries, blobs)

    monkeypatch.setattr(server, "name_files", name_files)
    assert synced(server, run_dir).ok
    assert order[0] == "requirements.txt"
    assert set(order[1:]) == {"artifacts"}


def test_gone_and_said_unless_the_server_has_them(run_dir: RunDir, staging: Path) -> None:
    (gone,) = [file for file in files_of(run_dir) if file.path in under(FILES) and file.size == 2]
    os.unlink(gone.places[1])
    server = MemoryServer()
    outcome = synced(server, run_dir)
    assert outcome.state == "confirmed"
    (note,) = outcome.notes
    label = called([gone.version])
    assert note == (
        f"1 of 3 files of {label} are gone from where wandb staged them; sync where they are, or "
        f"put them into the run folder as {gone.version}/…"
    )
    place = run_dir.path / gone.path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"{}")
    outcome = synced(server, run_dir)
    assert (outcome.state, outcome.notes) == ("confirmed", [])
    assert of_artifacts(server) == {**under(FILES), **under(OTHER)}
    shutil.rmtree(staging)
    shutil.rmtree(run_dir.artifacts)
    outcome = synced(server, run_dir)
    assert (outcome.state, outcome.notes) == ("confirmed", [])
    assert synced(MemoryServer(), run_dir, verify=False).notes == []  # the kept receipt tells
    run_dir.receipt.unlink()
    (note,) = synced(MemoryServer(), run_dir).notes
    assert note.startswith("6 of 6 files of artifact model (2 versions) are gone")


def test_only_what_the_manifest_means_is_sent(tmp_path: Path, staging: Path) -> None:
    """A journal may come from anybody, and name any file of whoever sends it."""
    secret = tmp_path / "home/.ssh/id_ed25519"
    secret.parent.mkdir(parents=True)
    secret.write_bytes(b"PRIVATE KEY")
    record = parse(
        artifact_record(staging, {"a": b"other bytes", "b": b"b", "c": b"", "../x": b"x"})
    )
    entries = {entry.path: entry for entry in record.artifact.manifest.contents}
    entries["a"].local_path = str(secret)
    entries["b"].local_path, entries["b"].size = "/dev/zero", 1
    entries["c"].local_path, entries["c"].size = "/proc/self/environ", 0
    entries["c"].digest = md5_of(b"?")
    run_dir = make_run(tmp_path / "wandb", "aa", records=[record.SerializeToString()])
    server = MemoryServer()
    outcome = synced(server, run_dir)
    assert b"PRIVATE KEY" not in server.blobs.values()
    assert of_artifacts(server) == {}
    assert "names that no server takes" in str(outcome.error)


def test_what_was_changed_since_is_not_sent(run_dir: RunDir) -> None:
    (file,) = [file for file in files_of(run_dir) if file.path in under(OTHER) and file.size > 2]
    Path(file.places[1]).write_bytes(b"u" * 3000)
    server = MemoryServer()
    outcome = synced(server, run_dir)
    assert outcome.state == "confirmed"
    assert "1 of 3 files of artifact model" in outcome.notes[0]
    assert "are not what they were when they were logged" in outcome.notes[0]
    assert b"u" * 3000 not in server.blobs.values()


@pytest.mark.parametrize("algorithm", ["MANIFEST_XXH128", "MANIFEST_NEW"])
def test_digests_that_cannot_be_checked(tmp_path: Path, staging: Path, algorithm: str) -> None:
    record = parse(artifact_record(staging, FILES, digest_algorithm=algorithm))
    for entry in record.artifact.manifest.contents if algorithm == "MANIFEST_XXH128" else ():
        entry.extra.add(key="alg", value_json='"XXH128"')
    run_dir = make_run(tmp_path / "wandb", "aa", records=[record.SerializeToString()])
    server = MemoryServer()
    outcome = synced(server, run_dir)
    assert outcome.state == "failed"
    assert "3 of 3 files of artifact model" in str(outcome.error)
    assert "have digests that cannot be checked here, no MD5; give read permission, or leave" in (
        str(outcome.error)
    )
    assert synced(server, run_dir, files=Wanted(artifacts="none")).state == "partial"


def test_entries_of_md5_in_an_artifact_of_another_kind(tmp_path: Path, staging: Path) -> None:
    record = parse(artifact_record(staging, FILES, digest_algorithm="MANIFEST_XXH128"))
    record.artifact.manifest.contents[0].extra.add(key="alg", value_json='"XXH128"')
    run_dir = make_run(tmp_path / "wandb", "aa", records=[record.SerializeToString()])
    server = MemoryServer()
    assert "1 of 3 files of artifact model" in str(synced(server, run_dir).error)
    assert len(of_artifacts(server)) == 2


def test_names_are_safe(tmp_path: Path, staging: Path) -> None:
    records = [
        artifact_record(staging, {"a": b"1"}, name="../../x", digest=".."),
        artifact_record(staging, {"a": b"2"}, name="", digest=""),
        artifact_record(staging, {"a b/ä\u20ac": b"3"}, name="grün/..\\", digest="d"),
    ]
    run_dir = make_run(tmp_path / "wandb", "aa", records=records)
    server = MemoryServer()
    assert synced(server, run_dir).ok
    assert of_artifacts(server) == {
        "artifacts/%2E.%2F..%2Fx/%2E./a": b"1",
        "artifacts/%/%/a": b"2",
        "artifacts/gr%C3%BCn%2F..%5C/d/a b/ä\u20ac": b"3",
    }


def test_references_are_nothing_to_send(tmp_path: Path, staging: Path) -> None:
    record = parse(artifact_record(staging, {"a": b"a"}))
    record.artifact.manifest.contents.add(path="web", digest="etag", ref="https://example.com/x")
    record.artifact.manifest.contents.add(path="old", digest=md5_of(b""), birth_artifact_id="x")
    run_dir = make_run(tmp_path / "wandb", "aa", records=[record.SerializeToString()])
    server = MemoryServer()
    outcome = synced(server, run_dir)
    assert (outcome.state, outcome.notes) == ("confirmed", [])
    assert [path.rsplit("/")[-1] for path in of_artifacts(server)] == ["a"]


def test_a_manifest_that_wandb_put_into_a_file(tmp_path: Path, staging: Path) -> None:
    run_dir = make_run(
        tmp_path / "wandb", "aa", records=[artifact_record(staging, FILES, spill=True)]
    )
    server = MemoryServer()
    assert synced(server, run_dir).state == "confirmed"
    held = of_artifacts(server)
    (manifest,) = held.keys() - under(FILES).keys()
    assert manifest == f"artifacts/model/{digest_of_manifest(FILES)}.manifest.jl.gz"
    assert {path: held[path] for path in under(FILES)} == under(FILES)
    shutil.rmtree(staging)
    assert synced(server, run_dir).notes == []
    assert "the list of the files is gone" in synced(MemoryServer(), run_dir).notes[0]


def zipped(data: bytes) -> bytes:
    """The same at any time: tests are known by their data."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        b"no gzip",
        b"",
        b"\x1f\x8b\x08\0",
        zipped(b"[]\n"),
        zipped(b"{}\n"),
        zipped(b"[" * 100_000),
        zipped(b'{"path": 1, "digest": "", "extra": []}\n'),
        zipped(b'{"path": "a", "digest": "", "extra": []}\n'),
        zipped(b'{"path": "\\ud800", "digest": "", "size": 1.5}\n'),
        zipped(b"\xff"),
        zipped(b"x" * (2 << 20)),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, staging: Path, data: bytes) -> None:
    record = parse(artifact_record(staging, FILES, spill=True))
    place = Path(record.artifact.manifest.manifest_file_path)
    place.write_bytes(data)
    if not data:
        os.truncate(place, 1 << 40)  # nothing that could be read to its end
    run_dir = make_run(tmp_path / "wandb", "aa", records=[record.SerializeToString()])
    server = MemoryServer()
    outcome = synced(server, run_dir)
    assert outcome.state == "confirmed"
    assert outcome.notes[0].startswith(
        "the list of the files is gone, or not what the journal says"
    )
    assert of_artifacts(server) == {}


def test_a_manifest_of_other_files(tmp_path: Path, staging: Path) -> None:
    """Its entries have to have the digest that the journal says."""
    record = parse(artifact_record(staging, FILES, spill=True))
    other = parse(artifact_record(staging, OTHER, spill=True))
    place = other.artifact.manifest.manifest_file_path
    record.artifact.manifest.manifest_file_path = place
    run_dir = make_run(tmp_path / "wandb", "aa", records=[record.SerializeToString()])
    server = MemoryServer()
    assert "the list of the files is gone" in synced(server, run_dir).notes[0]
    assert of_artifacts(server) == {}


def test_left_out_on_wish(run_dir: RunDir) -> None:
    server = MemoryServer()
    outcome = synced(server, run_dir, files=Wanted(artifacts="none"))
    assert (outcome.state, of_artifacts(server)) == ("partial", {})
    assert outcome.notes == ["6 files left out, as was asked"]
    outcome = synced(server, run_dir, files=Wanted(exclude=("*.bin",)))
    assert outcome.state == "partial"
    kept = {path: data for path, data in {**under(FILES), **under(OTHER)}.items() if len(data) < 9}
    assert of_artifacts(server) == kept


def test_only_versions_with_an_alias(tmp_path: Path, staging: Path) -> None:
    third = {"x": b"x"}
    records = [
        artifact_record(staging, FILES, aliases=["latest", "best"]),
        artifact_record(staging, OTHER, aliases=["latest"]),
        artifact_record(staging, third, aliases=["latest"]),
        artifact_record(staging, OTHER, name="data", aliases=["latest"]),
        artifact_record(staging, FILES, name="data", aliases=[]),
    ]
    run_dir = make_run(tmp_path / "wandb", "aa", records=records)
    server = MemoryServer()
    outcome = synced(server, run_dir, files=Wanted(artifacts="aliased"))
    assert outcome.state == "partial"
    assert of_artifacts(server) == {**under(FILES), **under(third), **under(OTHER, "data")}


def test_the_ignore_file_is_for_them_too(run_dir: RunDir) -> None:
    (run_dir.files / ".holdfastignore").write_text("artifacts/*/weights.bin\n")
    server = MemoryServer()
    outcome = synced(server, run_dir)
    assert outcome.state == "confirmed"
    assert outcome.notes == ["2 files ignored, as the run's ignore file says"]
    assert not any(path.endswith(".bin") for path in of_artifacts(server))


def test_what_lies_below_files_wins_and_it_is_said(run_dir: RunDir) -> None:
    path = next(path for path in under(FILES) if path.endswith(".bin"))
    own = run_dir.files / path
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    server = MemoryServer()
    outcome = synced(server, run_dir)
    assert outcome.state == "confirmed"
    assert of_artifacts(server)[path] == b"mine"
    assert outcome.notes == [f"not sent, as a file of that name lies below files/: {path}"]
    own.write_bytes(under(FILES)[path])  # a relay keeps it so
    assert synced(server, run_dir).notes == []


def test_a_list_of_files_that_a_relay_keeps_is_no_clash(tmp_path: Path, staging: Path) -> None:
    records = [artifact_record(staging, FILES, spill=True)]
    run_dir = make_run(tmp_path / "wandb", "aa", records=records)
    for file in files_of(run_dir):
        kept = run_dir.files / file.path
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file.places[1], kept)
    shutil.rmtree(staging)
    outcome = synced(MemoryServer(), run_dir)
    assert (outcome.state, outcome.notes) == ("confirmed", [])


def test_clean_removes_only_what_is_proven(run_dir: RunDir, staging: Path) -> None:
    for file in files_of(run_dir):
        place = run_dir.path / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file.places[1], place)
    some = context(MemoryServer())
    assert sync_run(some, run_dir).ok
    stray = run_dir.artifacts / "model/notes.txt"
    stray.write_bytes(b"mine")
    assert "other things lie in it (artifacts/model/notes.txt" in str(
        remove_run(some, run_dir).error
    )
    stray.unlink()
    assert remove_run(some, run_dir).ok
    assert not run_dir.path.exists()
    assert len(list(staging.iterdir())) == 6  # wandb's own, and not ours to remove


def test_nothing_is_removed_while_files_are_left_out(tmp_path: Path) -> None:
    run_dir = make_run(tmp_path / "wandb", "aa", files={"media/x.png": b"x"})
    server = MemoryServer()
    assert synced(server, run_dir).ok
    outcome = remove_run(context(server, files=Wanted(media=False)), run_dir)
    assert "files of it were left out" in str(outcome.error)
    assert run_dir.path.exists()


def test_verify(run_dir: RunDir, staging: Path) -> None:
    some = context(MemoryServer())
    assert verify_run(run_dir, Listener()).ok
    assert not verify_run(run_dir, Listener(), some).ok
    assert sync_run(some, run_dir).ok
    found = verify_run(run_dir, Listener(), some)
    assert (found.ok, found.files) == (True, 7)
    shutil.rmtree(staging)
    assert verify_run(run_dir, Listener()).ok  # the server has them, says the receipt
    assert verify_run(run_dir, Listener(), some).ok
    run_dir.receipt.unlink()
    assert verify_run(run_dir, Listener(), some).ok
    found = verify_run(run_dir, Listener())
    assert "6 of 6 files of artifact model (2 versions) are gone" in str(found.errors[0])


def test_a_file_that_changes_while_it_is_sent(run_dir: RunDir) -> None:
    (file,) = [file for file in files_of(run_dir) if file.path in under(FILES) and file.size > 2]
    server = MemoryServer()

    def change(method: str, when: str) -> None:
        if (method, when) == ("files", "before") and server.calls["files"] == 2:
            Path(file.places[1]).write_bytes(b"u" * 3000)

    server.fail = change
    outcome = synced(server, run_dir)
    assert outcome.ok
    assert b"u" * 3000 not in server.blobs.values()


def test_a_copy_that_is_wrong_hides_no_right_one(run_dir: RunDir) -> None:
    (file,) = [file for file in files_of(run_dir) if file.path in under(FILES) and file.size > 2]
    place = run_dir.path / file.path
    place.parent.mkdir(parents=True)
    place.write_bytes(b"?" * 3000)
    server = MemoryServer()
    assert synced(server, run_dir).notes == []
    assert of_artifacts(server) == {**under(FILES), **under(OTHER)}


def test_the_same_bytes_staged_twice(tmp_path: Path, staging: Path) -> None:
    """Of a version that was logged twice, what one time lost the other has."""
    first, second = (parse(artifact_record(staging, {"a": b"a", "b": b"b"})) for _ in range(2))
    os.unlink(first.artifact.manifest.contents[0].local_path)
    os.unlink(second.artifact.manifest.contents[1].local_path)
    payloads = [first.SerializeToString(), second.SerializeToString()]
    run_dir = make_run(tmp_path / "wandb", "aa", records=payloads)
    server = MemoryServer()
    outcome = synced(server, run_dir)
    assert (len(of_artifacts(server)), outcome.notes) == (2, [])


def test_a_large_file_goes_on_where_it_was_broken_off(tmp_path: Path, staging: Path) -> None:
    data = os.urandom(1_000_000)
    run_dir = make_run(
        tmp_path / "wandb", "aa", records=[artifact_record(staging, {"weights.bin": data})]
    )
    server = MemoryServer(part_bytes=100_000)

    def cut(method: str, when: str) -> None:
        if (method, when) == ("part", "before") and server.calls["part"] == 7:
            raise UnreachableError("cut off", "try again")

    server.fail = cut
    assert synced(server, run_dir).state == "failed"
    server.fail = lambda method, when: None
    assert synced(server, run_dir).state == "confirmed"
    assert server.calls["part"] == 7 + 4
    assert data in of_artifacts(server).values()


def test_what_wandb_has_sent_itself_lies_in_its_cache(
    run_dir: RunDir, staging: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    for data in {*FILES.values(), *OTHER.values()}:
        digits = hashlib.md5(data).hexdigest()
        kept = tmp_path / "cache/artifacts/obj/md5" / digits[:2] / digits[2:]
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(data)
    shutil.rmtree(staging)
    server = MemoryServer()
    assert synced(server, run_dir).notes == []
    assert of_artifacts(server) == {**under(FILES), **under(OTHER)}
