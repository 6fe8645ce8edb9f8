"""The doctor: why is a run still pending, and what makes it arrive; one module a subject.

Each module gives findings (`finding`). `examine` has their order. Nothing here changes anything but
what a finding's `fix` does when it is asked to. Must not know how a finding is shown.
"""

from __future__ import annotations
