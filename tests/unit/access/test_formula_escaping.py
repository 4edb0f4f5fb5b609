"""Every exported text that starts like a formula is escaped, however a spreadsheet splits it."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import pytest

from api.routes.csv_lines import header, lines
from ledger.reports.exports import ExportedEvent
from ledger.reports.lists import CallEventRow
from tests.support.attacks import AttackRecorder

STARTS = "=+-@＝＋－＠"  # noqa: RUF001
BEFORE = ("", " ", "\t", "\r", "\n", "a;", "a\t", "a\r\n", '";', '","', "a; ", "\u00a0", "';")
FORMULA = '{}HYPERLINK("https://evil.example","x")'
NOW = datetime(2025, 11, 19, tzinfo=UTC)


def exported(text: str) -> ExportedEvent:
    """Return an event that has a text in each text field."""
    event = CallEventRow(
        identity="",
        source=text,
        event_id=text,
        type="cost.recorded",
        time=NOW,
        recorded_at=NOW,
        service=text,
        operation=text,
        model=text,
        usage=Decimal(1),
        unit="minutes",
        unit_cost=None,
        cost_nano=-1,
        amount_nano=0,
        estimated=False,
        data=text,
        voided=False,
        tags=text,
    )
    return ExportedEvent(event, text, text, text)


def is_formula(cell: str) -> bool:
    """Return whether a spreadsheet may evaluate a cell: it starts like a formula and is no number."""
    if not cell.strip().startswith(tuple(STARTS)):
        return False
    try:
        return not Decimal(cell).is_finite()
    except InvalidOperation:
        return True


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_no_exported_text_becomes_a_formula(delimiter: str, record_attack: AttackRecorder) -> None:
    texts = [f"{before}{FORMULA.format(start)}" for before in BEFORE for start in STARTS]
    written = (header("events") + lines(map(exported, texts))).decode()
    cells = [
        cell
        for row in csv.reader(io.StringIO(written, newline=""), delimiter=delimiter)
        for cell in row
    ]
    assert len(cells) > len(texts)
    formulas = [cell for cell in cells if is_formula(cell)]
    assert not formulas, formulas[:3]
    record_attack(
        f"CSV: cells of texts that start formulas, split at {delimiter!a}",
        attempts=len(cells),
        refused=len(cells) - len(formulas),
    )
