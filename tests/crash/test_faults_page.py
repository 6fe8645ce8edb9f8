"""The page of the fault table has the rows of the tests, and no other."""

from __future__ import annotations

import re

from crash import test_faults, test_faults_disk, test_faults_status
from crash.faults import FAULTS, Fault
from house.tree import ROOT

_PAGE = ROOT / "docs/guide/faults.md"


def test_the_page_has_the_rows_of_the_tests() -> None:
    modules = (test_faults, test_faults_disk, test_faults_status)
    assert all(module.__doc__ for module in modules), "importing them fills the table"
    wanted = [_row(fault) for fault in FAULTS.values()]
    written = re.findall(
        r"^\| .* \| \d+ \| .* \|$", _PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert written == wanted, "the table should read:\n" + "\n".join(wanted)


def _row(fault: Fault) -> str:
    return f"| {fault.what} | “{fault.says}” | {fault.code} | {fault.do} |"
