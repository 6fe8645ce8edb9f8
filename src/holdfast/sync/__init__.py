"""Getting bytes across once, in order, however often it fails; and proving that they are there.

Owns what is pending, the order of requests, trying again, and the comparison of a receipt with
the disk. Must not know what a metric is, nor how anything is shown.
"""

from __future__ import annotations
