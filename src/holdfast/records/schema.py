"""Message classes made at import from ``wandb.proto`` and ``tensorboard.proto``.

There is no generated code: the classes work with every protobuf runtime from 4.22 on, whatever
version a user's other packages pin (docs/decisions/0003). The reader of the files knows
the part of proto3 that they use; a test compares its result with protoc's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["Event", "Record", "file_descriptor"]

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "double": _FIELD.TYPE_DOUBLE,
    "float": _FIELD.TYPE_FLOAT,
    "int64": _FIELD.TYPE_INT64,
    "uint64": _FIELD.TYPE_UINT64,
    "int32": _FIELD.TYPE_INT32,
    "uint32": _FIELD.TYPE_UINT32,
    "sint64": _FIELD.TYPE_SINT64,
    "bool": _FIELD.TYPE_BOOL,
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
}
_TOKEN = re.compile(r'[A-Za-z_][\w.]*|\d+|"[^"]*"|[{}=;<>,]')


def file_descriptor(text: str, name: str = "wandb.proto") -> descriptor_pb2.FileDescriptorProto:
    """Read the text of a `.proto` file of this folder into its descriptor.

    Raises:
        ValueError: the text uses something that this reader does not know.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"holdfast/records/{name}")
    tokens = iter(_TOKEN.findall(re.sub(r"//[^\n]*", "", text)))
    for word in tokens:
        if word == "syntax":
            _expect(tokens, "=")
            file.syntax = next(tokens).strip('"')
            _expect(tokens, ";")
        elif word == "package":
            file.package = next(tokens)
            _expect(tokens, ";")
        elif word == "message":
            message = file.message_type.add(name=next(tokens))
            _expect(tokens, "{")
            _read_body(tokens, message, f".{file.package}.")
        else:
            raise ValueError(f"unexpected {word!r} in a .proto file")
    return file


def _read_body(tokens: Iterator[str], message: descriptor_pb2.DescriptorProto, scope: str) -> None:
    in_oneof = False
    for word in tokens:
        if word == "}":
            if not in_oneof:
                return
            in_oneof = False
        elif word == "oneof":
            message.oneof_decl.add(name=next(tokens))
            _expect(tokens, "{")
            in_oneof = True
        elif word == "map":
            _read_map(tokens, message, scope)
        else:
            field = message.field.add(label=_FIELD.LABEL_OPTIONAL)
            if word == "repeated":
                field.label = _FIELD.LABEL_REPEATED
                word = next(tokens)
            _set_type(field, word, scope)
            field.name = next(tokens)
            _read_number(tokens, field)
            if in_oneof:
                field.oneof_index = len(message.oneof_decl) - 1


def _read_map(tokens: Iterator[str], message: descriptor_pb2.DescriptorProto, scope: str) -> None:
    """A map is a repeated message of key and value, as protoc makes it."""
    _expect(tokens, "<")
    key_type = next(tokens)
    _expect(tokens, ",")
    value_type = next(tokens)
    _expect(tokens, ">")
    name = next(tokens)
    entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    for number, (part, kind) in enumerate([("key", key_type), ("value", value_type)], start=1):
        field = entry.field.add(name=part, number=number, label=_FIELD.LABEL_OPTIONAL)
        _set_type(field, kind, scope)
    field = message.field.add(name=name, label=_FIELD.LABEL_REPEATED, type=_FIELD.TYPE_MESSAGE)
    field.type_name = f"{scope}{message.name}.{entry.name}"
    _read_number(tokens, field)


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str, scope: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = _FIELD.TYPE_MESSAGE
        field.type_name = scope + kind


def _read_number(tokens: Iterator[str], field: descriptor_pb2.FieldDescriptorProto) -> None:
    _expect(tokens, "=")
    field.number = int(next(tokens))
    _expect(tokens, ";")


def _expect(tokens: Iterator[str], word: str) -> None:
    found = next(tokens, "the end")
    if found != word:
        raise ValueError(f"expected {word!r} in a .proto file, found {found!r}")


def _class_of(message: str, file: str) -> Any:
    pool = descriptor_pool.DescriptorPool()
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    pool.AddSerializedFile(file_descriptor(text, file).SerializeToString())
    found = pool.FindMessageTypeByName(f"holdfast.records.{message}")
    return message_factory.GetMessageClass(found)


Record = _class_of("Record", "wandb.proto")
Event = _class_of("Event", "tensorboard.proto")
