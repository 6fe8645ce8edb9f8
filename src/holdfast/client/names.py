"""Names for runs that were given none: two words and a number, as wandb's are.

Owns the words. Must not know what a run is. Uniqueness is the run id's business, not the name's.
"""

from __future__ import annotations

import os
from zlib import crc32

__all__ = ["new_name"]

_FIRST = """
    amber brave bright calm clear crisp deep dry early easy even fair fast fine firm fresh glad
    golden grand green keen kind lasting late level light lively long loyal lucky mellow mild
    neat noble open pale patient plain proud quick quiet rapid rare ready rosy round sharp
    silent silver smooth soft solid steady still sunny swift tidy true vivid warm wise
"""
_SECOND = """
    anchor arch bay beacon birch bridge brook buoy cape cedar cliff cloud cove creek dawn delta
    dune dusk elm ember falcon fern field finch fjord forest gale garden glade grove gull harbor
    heath hill island keel lake lantern larch leaf mast meadow mill moor oak orchard otter peak
    pine plover pond rain reef ridge river rook sail shore sky spring stone summit tide valley
"""


def new_name(run_id: str = "") -> str:
    """A name such as ``quiet-river-412``; with a run id, the same wherever it is asked for."""
    first, second, high, low = (
        crc32(run_id.encode()).to_bytes(4, "big") if run_id else os.urandom(4)
    )
    firsts, seconds = _FIRST.split(), _SECOND.split()
    number = 1 + (high << 8 | low) % 999
    return f"{firsts[first % len(firsts)]}-{seconds[second % len(seconds)]}-{number}"
