"""Where to resume and which records are a gap, by the stored position and the log."""

from typing import Any

import pytest

from ledger.recording.positions import (
    Gap,
    PartitionLog,
    StartDecision,
    StoredPosition,
    decide_position,
)

STORED = StoredPosition(100, "a", 0, 90)
LOG = PartitionLog(0, 200, "a")


@pytest.mark.parametrize(
    ("stored", "log", "decision"),
    [
        (STORED, LOG, StartDecision(100, "a")),
        (STORED._replace(incarnation=None), LOG, StartDecision(100, "a")),
        (STORED, LOG._replace(incarnation=None), StartDecision(100, "a")),
        (STORED, LOG._replace(first_offset=100), StartDecision(100, "a")),
        (STORED, LOG._replace(end_offset=6, last_record="same"), StartDecision(100, "a")),
        (STORED, LOG._replace(end_offset=6), StartDecision(100, "a")),
    ],
    ids=[
        "unchanged",
        "of an earlier release",
        "no ids",
        "earlier records removed",
        "wrong end",
        "unsure",
    ],
)
def test_log_with_the_stored_offset_is_continued(
    stored: StoredPosition, log: PartitionLog, decision: StartDecision
) -> None:
    assert decide_position(stored, log) == decision


def test_removed_records_are_a_gap() -> None:
    log = LOG._replace(first_offset=150)
    gap = Gap("a", 100, 150, "records_removed")
    assert decide_position(STORED, log) == StartDecision(150, "a", [gap], is_moved=True)


@pytest.mark.parametrize("change", [{"incarnation": "b"}, {"last_record": "other"}])
def test_recreated_topic_is_read_from_its_start(change: dict[str, Any]) -> None:
    """The gap starts where the counted records can no longer be identified."""
    stored = STORED if "incarnation" in change else STORED._replace(incarnation=None)
    log = LOG._replace(first_offset=7, **change)
    assert decide_position(stored, log) == StartDecision(
        7,
        log.incarnation,
        [
            Gap(stored.incarnation, 90, None, "topic_recreated"),
            Gap(log.incarnation, 0, 7, "records_removed"),
        ],
        is_moved=True,
    )


def test_truncated_log_is_read_from_its_start() -> None:
    log = LOG._replace(end_offset=50, last_record="beyond the end")
    gap = Gap("a", 100, None, "log_truncated")
    assert decide_position(STORED, log) == StartDecision(0, "a", [gap], is_moved=True)
