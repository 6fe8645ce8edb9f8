"""The page of the fault table has the rows of the tests, and no other."""

from __future__ import annotations

import re

from crash import test_faults, test_faults_disk, test_faults_following, test_faults_status
from crash.faults import FAULTS, Fault
from house.tree import ROOT

_PAGE = ROOT / "docs/guide/faults.md"


def test_the_page_has_the_rows_of_the_tests() -> None:
    modules = (test_faults, test_faults_disk, test_faults_status, test_faults_following)
    assert all(module.__doc__ for module in modules), "importing them fills the table"
    in_order = sorted(FAULTS.values(), key=lambda fault: fault.command != "sync")
    wanted = [_row(fault) for fault in in_order]
    written = re.findall(
        r"^\| .* \| \d+ \| .* \|$", _PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert written == wanted, "the table should read:\n" + "\n".join(wanted)


def _row(fault: Fault) -> str:
    says = f"“{fault.says}”" if fault.says else "nothing"
    return f"| {fault.what} | {says} | {fault.code} | {fault.do} |"
