"""Named immutable bytes: the contract, and two stores that keep it (local files, memory)."""

from __future__ import annotations

from holdfast.server.blobstore.contract import Blob, BlobStore, check_name
from holdfast.server.blobstore.local import LocalBlobStore
from holdfast.server.blobstore.memory import MemoryBlobStore

__all__ = ["Blob", "BlobStore", "LocalBlobStore", "MemoryBlobStore", "check_name"]
