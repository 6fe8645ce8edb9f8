"""A finding: what, the evidence, the cure; and how grave it is.

Owns that shape. Must not know any subject.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from holdfast.errors import HoldfastError

__all__ = ["SEVERITIES", "Finding", "Severity", "apply_fix", "of_error"]

Severity = Literal["ok", "note", "warning", "error"]
"""ok: as it should be; note: worth knowing; warning: it may come to stand in the way; error: it
stands in the way."""

SEVERITIES: tuple[Severity, ...] = ("ok", "note", "warning", "error")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        subject: the module that found it, such as ``network``.
        severity: how grave it is.
        what: in one line. evidence: what was seen, in one line. cure: what to do, in one line.
        path: the run folder or file that it is about; None for none.
        fix: does the cure and returns what was done, in one line; None where a person has to.
    """

    subject: str
    severity: Severity
    what: str
    evidence: str = ""
    cure: str = ""
    path: Path | None = None
    fix: Callable[[], str] | None = None

    def to_json(self) -> dict[str, Any]:
        """The JSON object of this finding."""
        return {
            "subject": self.subject,
            "severity": self.severity,
            "what": self.what,
            "evidence": self.evidence,
            "cure": self.cure,
            "path": str(self.path) if self.path else None,
            "fixable": self.fix is not None,
        }


def of_error(subject: str, what: str, error: HoldfastError, *, path: Path | None = None) -> Finding:
    """The finding that an error makes: its words are the evidence, and say what to do."""
    return Finding(subject, "error", what, error.what, error.do, path)


def apply_fix(finding: Finding) -> str:
    """Do the cure of a finding that has a fix; returns what was done, or why it could not be."""
    try:
        return finding.fix() if finding.fix is not None else ""
    except OSError as error:
        return f"not done: {error.strerror or error} ({finding.path})"
