"""Records with a header name that is not UTF-8 are read, and refused as events."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from ledger.recording.batch import dead_letter
from messaging.records import FetchedRecords
from schemas.cloudevents import Window, decode
from schemas.refusals import Refused
from tests.support.events import binary, cost, structured
from tests.support.header_names import RawHeaderName, batch_bytes
from tests.support.recording import ConsumedRecord

RAW_NAME = b"na\xffme-\xc3\xa4"
READ_NAME = "na\udcffme-ä"
WINDOW = Window.around(datetime.now(UTC))
Headers = list[list[tuple[str, bytes | None]]]
VALID: Headers = [[], [("a", b"1"), ("ä", None)], []]
INVALID: Headers = [[], [("a", b"1"), (RawHeaderName(RAW_NAME), None)], [("b", b"")]]


def records_of(fetched: bytes, kind: Any = FetchedRecords) -> Iterator[tuple[Any, ...]]:
    """Read the bytes of a fetch as aiokafka does."""
    records = kind(fetched)
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        assert not batch.is_control_batch
        for record in batch:
            yield (
                batch.producer_id,
                batch.base_offset,
                batch.next_offset,
                record.offset,
                record.timestamp,
                record.timestamp_type,
                record.key,
                record.value,
                record.checksum,
                tuple(record.headers),
            )


@pytest.mark.parametrize("compression", range(5))
def test_records_are_read_as_by_aiokafka(compression: int) -> None:
    fetched = batch_bytes(VALID, compression, producer_id=7) + batch_bytes(VALID) + b"cut off"
    assert list(records_of(fetched)) == list(records_of(fetched, MemoryRecords))
    assert FetchedRecords(fetched).size_in_bytes() == len(fetched)
    assert not FetchedRecords(fetched[:60]).has_next()


@pytest.mark.parametrize("compression", range(5))
def test_invalid_header_name_does_not_prevent_reading(compression: int) -> None:
    fetched = batch_bytes(VALID) + batch_bytes(INVALID, compression) + batch_bytes(VALID)
    with pytest.raises(UnicodeDecodeError):
        list(records_of(fetched, MemoryRecords))
    repaired = batch_bytes([[], [("a", b"1"), ("na-me-ä", None)], [("b", b"")]], compression)
    expected = list(records_of(batch_bytes(VALID) + repaired + batch_bytes(VALID)))
    assert expected[4][-1] == (("a", b"1"), ("na-me-ä", None))
    expected[4] = (*expected[4][:-1], (("a", b"1"), (READ_NAME, None)))
    assert list(records_of(fetched)) == expected


def test_other_corruption_is_still_an_error() -> None:
    broken = bytearray(batch_bytes(INVALID))
    broken[60] -= 1  # claims one record fewer
    batch = FetchedRecords(bytes(broken)).next_batch()
    assert not batch.validate_crc()
    with pytest.raises(CorruptRecordException):
        list(batch)


def test_event_with_an_invalid_header_name_is_refused() -> None:
    """The name may be that of an attribute, so the event would be ambiguous."""
    value, headers = binary(cost())
    for broken in ([(READ_NAME, b"1")], [*headers, (READ_NAME, b"1")], [("ce_\udcff", b"1")]):
        with pytest.raises(Refused) as refused:
            decode(structured(cost()) if len(broken) == 1 else value, broken, WINDOW)
        assert refused.value.code == "invalid_json"
        assert "header" in refused.value.message
    assert decode(value, [*headers, ("ä", b"1")], WINDOW) == decode(value, headers, WINDOW)


def test_dead_letter_has_the_escaped_name() -> None:
    """Neither PostgreSQL nor a producer accepts half a character."""
    record = ConsumedRecord(0, 7, b"{}", headers=[(READ_NAME, b"1"), ("ä", b"2")])
    letter = dead_letter(record, Refused("invalid_json", "no text"))
    assert letter.headers == '[["na\\\\xffme-\\u00e4", "MQ=="], ["\\u00e4", "Mg=="]]'
