"""The profile of `make fuzz`."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("long", settings.get_profile("default"), max_examples=3000)
