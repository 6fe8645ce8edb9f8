"""TensorBoard's events: which scalars one tells, when and of which step, and what else it holds.

Owns the meaning of an event's bytes. Must not know files, nor what becomes of the scalars.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from holdfast.errors import DamagedError
from holdfast.records.schema import Event

__all__ = ["Scalars", "read_event"]

#: TensorFlow's numbers of types of numbers: how one lies in ``tensor_content``, and in which list
_TYPES = {
    1: ("<f", "float_val"),
    2: ("<d", "double_val"),
    3: ("<i", "int_val"),
    4: ("<B", "int_val"),
    5: ("<h", "int_val"),
    6: ("<b", "int_val"),
    9: ("<q", "int64_val"),
    10: ("<?", "bool_val"),
    17: ("<H", "int_val"),
    19: ("<e", "half_val"),
    22: ("<I", "uint32_val"),
    23: ("<Q", "uint64_val"),
}
_HALF = 19
#: what a value that is no scalar is called, by its field or by TensorBoard's plugin
_OTHERS = {
    "old_histogram": "histogram",
    "histo": "histogram",
    "histograms": "histogram",
    "image": "image",
    "images": "image",
    "audio": "audio clip",
    "text": "text",
    "pr_curves": "PR curve",
    "hparams": "note of hyperparameters",
    "graph_def": "graph",
    "meta_graph_def": "graph",
    "graph_keras_model": "graph",
    "graph_run_metadata": "graph",
    "graph_run_metadata_graph": "graph",
}


class Scalars(NamedTuple):
    """What one event tells.

    Attributes:
        wall_time: Unix seconds. step: the script's own.
        values: scalars by tag; those of single precision are exactly that.
        others: how many values are no scalars, by kind, in words for people.
    """

    wall_time: float
    step: int
    values: dict[str, float]
    others: Counter[str]


def read_event(payload: bytes) -> Scalars:
    """Read one event.

    Raises:
        DamagedError: the bytes are none.
    """
    try:
        event = Event.FromString(payload)
    except DecodeError as error:
        raise DamagedError(f"{len(payload)} bytes are no event: {error}") from error
    values: dict[str, float] = {}
    others: Counter[str] = Counter()
    what = event.WhichOneof("what")
    if what in _OTHERS:
        others[_OTHERS[what]] += 1
    for value in event.summary.value:
        kind = value.WhichOneof("value") or ""
        number = value.simple_value if kind == "simple_value" else _number_in(value)
        if number is not None:
            values[value.tag] = number
        else:
            plugin = value.metadata.plugin_data.plugin_name
            others[_OTHERS.get(plugin) or _OTHERS.get(kind) or "tensor"] += 1
    return Scalars(event.wall_time, event.step, values, others)


def _number_in(value: Any) -> float | None:
    """The only number of a tensor that stands for a scalar; None of any other value."""
    tensor = value.tensor
    # a writer names the plugin with the first value of a tag, and need not name it again
    if value.metadata.plugin_data.plugin_name not in ("", "scalars") or tensor.dtype not in _TYPES:
        return None
    if any(dim.size != 1 for dim in tensor.tensor_shape.dim):
        return None
    layout, name = _TYPES[tensor.dtype]
    if tensor.tensor_content:
        if len(tensor.tensor_content) != struct.calcsize(layout):
            return None
        number: float = struct.unpack(layout, tensor.tensor_content)[0]
        return number
    listed = getattr(tensor, name)
    if len(listed) != 1:
        return None
    if tensor.dtype == _HALF:
        half: float = struct.unpack("<e", struct.pack("<H", listed[0] & 0xFFFF))[0]
        return half
    only: float = listed[0]
    return only
