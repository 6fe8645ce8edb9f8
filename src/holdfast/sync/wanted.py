"""Which files of a run are sent, where the caller wants less than all.

Owns the wish and its rule. Must not know how files are found or sent.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

__all__ = ["EVERY_FILE", "Wanted"]

_MEDIA = "media/"


class Wanted(NamedTuple):
    """A wish; the empty one is for every file.

    Args:
        include: globs of which one has to match; none for every file. ``*`` goes over folders.
        exclude: globs of which none may match.
        media: whether what rows show (``media/``) is sent.
        artifacts: which versions of artifacts are sent: all, those with an alias, or none.

    Example:
        >>> wanted = Wanted(exclude=("*.ckpt",), media=False)
        >>> [wanted.takes(path) for path in ("a/b.ckpt", "media/x.png", "config.yaml")]
        [False, False, True]
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    media: bool = True
    artifacts: Literal["all", "aliased", "none"] = "all"

    def takes(self, path: str) -> bool:
        """Whether the file at this path below ``files/`` is meant."""
        if not self.media and path.startswith(_MEDIA):
            return False
        if any(fnmatchcase(path, glob) for glob in self.exclude):
            return False
        return not self.include or any(fnmatchcase(path, glob) for glob in self.include)

    def takes_artifact(self, path: str, *, aliased: bool) -> bool:
        """Whether the file of this name is meant, which an artifact names.

        Args:
            path: its name.
            aliased: whether its version has an alias.
        """
        if self.artifacts == "none" or (self.artifacts == "aliased" and not aliased):
            return False
        return self.takes(path)


EVERY_FILE = Wanted()
"""The usual wish."""
