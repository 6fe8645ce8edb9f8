"""The profile of `make fuzz`."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("long", max_examples=3000)
