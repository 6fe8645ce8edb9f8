"""Runs as one HTML page that opens with no server and no network, straight from their folders.

Owns what stands on that page and how it looks. Must not know servers, nor who reads the page.
"""

from __future__ import annotations

from holdfast.page.html import write_page
from holdfast.page.story import Story, read_story

__all__ = ["Story", "read_story", "write_page"]
