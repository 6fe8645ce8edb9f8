"""Receipts that are carried back: written where runs were imported, compared where they came from.

Owns the file and the comparison with the disk; asks no server. Must not know how runs were carried.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.errors import DamagedError, RefusedError, StorageError, UnconfirmedError
from holdfast.rundir import RunDir, mark_synced, replace_text, writer_of
from holdfast.sync.files import Catalogue
from holdfast.sync.receipts import Kept, Sight, claim_of, differences, keep
from holdfast.sync.report import Outcome
from holdfast.sync.survey import Survey
from holdfast.wire import Receipt
from holdfast.wire.fields import Fields

__all__ = ["Carried", "confirm", "read_carried", "write_carried"]

_KIND = "holdfast-receipts"
_FORMAT = 1


@dataclass(frozen=True)
class Carried:
    """The receipts of one server, by the ids of the journals they are for."""

    server: str
    receipts: Mapping[str, Receipt]


def write_carried(path: Path, server: str, receipts: Iterable[Receipt]) -> None:
    """Write receipts into a file.

    Raises:
        StorageError: it cannot be written.
    """
    said = {
        "kind": _KIND,
        "format": _FORMAT,
        "server": server,
        "receipts": [receipt.to_json() for receipt in receipts],
    }
    try:
        replace_text(path, json.dumps(said, indent=1) + "\n")
    except OSError as error:
        what = f"cannot write {path}: {error.strerror or error}"
        raise StorageError(what, "choose another place for the receipt") from error


def read_carried(path: Path) -> Carried:
    """Read what `write_carried` wrote.

    Raises:
        StorageError: the file cannot be read.
        DamagedError: it holds no receipts.
    """
    try:
        value = json.loads(path.read_bytes())
        fields = Fields(value, "receipt file")
        if fields.text("kind") != _KIND or fields.count("format") != _FORMAT:
            raise DamagedError(f"{path} is of another kind or format", "update Holdfast here")
        receipts = [Receipt.from_json(item) for item in fields.list("receipts")]
        return Carried(fields.text("server"), {one.journal: one for one in receipts})
    except OSError as error:
        what = f"cannot read {path}: {error.strerror or error}"
        raise StorageError(what, "name the file that `holdfast import --receipt` wrote") from error
    except (ValueError, RecursionError, RefusedError) as error:
        what = f"{path} holds no receipts: {error}"
        raise DamagedError(what, "name the file that `holdfast import --receipt` wrote") from error


def confirm(carried: Carried, run_dir: RunDir, outcome: Outcome) -> None:
    """Compare a run folder with its receipt, and keep the receipt there if they agree.

    Args:
        carried: the receipts.
        run_dir: the run's folder.
        outcome: filled in.

    Raises:
        UnconfirmedError: there is no receipt for it, or what lies on the disk is not what it says.
        DamagedError: the journal has no readable record.
    """
    sight, writer = Sight.of(run_dir), writer_of(run_dir)
    with Survey(run_dir.journal) as survey:
        catalogue = Catalogue.of_run(run_dir, survey.artifacts)
        survey.advance(growing=False)
        receipt = carried.receipts.get(survey.journal)
        if receipt is None:
            raise UnconfirmedError("no receipt for it was brought back", "export it, and import it")
        catalogue.refresh()
        claim = claim_of(survey, catalogue, writer)
    entries = list(catalogue.entries.values())
    held = {entry.path for entry in receipt.files}
    found = differences(receipt, claim, survey.records, entries) + catalogue.unreadable
    found += [lacking.what for lacking in catalogue.lacking(held) if lacking.there]
    run = receipt.run
    outcome.run, outcome.url = str(run.path), run.url
    outcome.rows, outcome.records, outcome.gaps = receipt.rows, survey.records, receipt.gaps
    outcome.files, outcome.receipt = len(entries), receipt
    if found:
        what = f"the receipt is not for what lies here: {', '.join(found[:3])}"
        raise UnconfirmedError(what, "export the run again")
    final = survey.complete or writer == "gone"
    keep(run_dir, Kept(carried.server, sight, writer, receipt))
    if final:
        mark_synced(run_dir)
    outcome.state = "confirmed" if final else "running"
