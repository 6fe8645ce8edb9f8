"""Our `.proto` files: read the same as protoc reads them, fit for every recorded record."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from records.reading import read
from wandb_runs import Fixture, fixtures

from holdfast.records import schema
from holdfast.records.decode import kind, parse

_PROTO = Path(schema.__file__).with_name("wandb.proto")


@pytest.mark.parametrize("name", ["wandb.proto", "tensorboard.proto"])
def test_our_reader_and_protoc_agree(name: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = [sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", f"-I{_PROTO.parent}"]
    subprocess.run([*command, f"--descriptor_set_out={made}", name], check=True)
    [theirs] = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes()).file
    ours = schema.file_descriptor(_PROTO.with_name(name).read_text(encoding="utf-8"), name)
    theirs.name = ours.name
    for message in theirs.message_type:
        for field in [*message.field, *(f for nested in message.nested_type for f in nested.field)]:
            field.ClearField("json_name")
    assert ours == theirs


@pytest.mark.parametrize(
    "text",
    [
        "enum A { B = 0; }",
        "message A { string b 1; }",
        "message A { string b = 1 [packed=true]; }",
        "message A { map<string string> b = 1; }",
        "import other;",
    ],
)
def test_what_it_does_not_know_it_does_not_guess(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.proto"):
        schema.file_descriptor(f'syntax = "proto3";\npackage p;\n{text}\n')


def test_no_number_is_used_twice() -> None:
    file = schema.file_descriptor(_PROTO.read_text(encoding="utf-8"))
    for message in file.message_type:
        numbers = [field.number for field in message.field]
        assert len(numbers) == len(set(numbers)), message.name


#: every kind that the recorded runs have
_WRITTEN = {
    *("header", "run", "config", "history", "summary", "output_raw", "stats", "files", "metric"),
    *("telemetry", "environment", "artifact", "exit", "final", "footer"),
}


def test_records_of_real_clients_decode_and_lose_nothing(tmp_path: Path) -> None:
    seen: set[str] = set()
    for fixture in fixtures(damaged=False):
        if fixture.scenario in ("basic", "artifact", "media", "exception"):
            seen |= _kinds_of(fixture, tmp_path / str(fixture))
    assert seen == _WRITTEN


def _kinds_of(fixture: Fixture, folder: Path) -> set[str]:
    kinds: set[str] = set()
    for process in fixture.unpack(folder):
        for payload in read(process.journal).payloads:
            record = parse(payload)
            assert kind(payload) == record.WhichOneof("record_type")
            # fields that our file does not name are kept
            assert len(record.SerializeToString()) == len(payload)
            kinds.add(kind(payload))
    return kinds
