"""An export beside archiving has every event, from the ledger or from an archive file."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cost_analytics.user_files import export_user
from ledger.people.export import export_lines
from ledger.postgres.database import connected
from tests.integration.people.test_erasure import calls_of, record
from tests.support import parts
from tests.support.archives import archive
from tests.support.recording import TopicLog, until_blocked


async def test_month_archived_during_an_export_is_not_missing(
    database_url: str, tmp_path: Path
) -> None:
    """The export has begun, and has not read the events yet, when archiving begins."""
    files, to = tmp_path / "archive", tmp_path / "export.jsonl"
    events = calls_of("alice", "call", 6)
    await record(database_url, events, TopicLog())
    async with connected(database_url, name="blocker") as blocker:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE alert_reads IN ACCESS EXCLUSIVE MODE")
            exporting = asyncio.create_task(export_user(database_url, "alice", to, files))
            await until_blocked(database_url)  # in the first of the tables
            archiving = asyncio.create_task(archive(database_url, files))
            await asyncio.sleep(2)
        written = await exporting
    assert [month.manifest is not None for month in await archiving] == [True]
    assert written.missing_files == []
    assert exported_ids(to) >= {event["id"] for event in events}
    parts.figures.append(f"export beside archiving: {len(events)} events, none missing")


async def test_month_archived_before_the_snapshot_is_exported_from_its_file(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Archiving ends between the connection of the export and its snapshot."""
    files, to = tmp_path / "archive", tmp_path / "export.jsonl"
    events = calls_of("alice", "call", 6)
    await record(database_url, events, TopicLog())

    async def archive_first(*arguments: Any) -> AsyncIterator[bytes]:
        await archive(database_url, files)
        async for chunk in export_lines(*arguments):
            yield chunk

    monkeypatch.setattr("cost_analytics.user_files.export_lines", archive_first)
    written = await export_user(database_url, "alice", to, files)
    assert written.missing_files == []
    assert exported_ids(to) >= {event["id"] for event in events}


def exported_ids(file: Path) -> set[str]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return {line["row"]["event_id"] for line in lines if "event_id" in line.get("row", {})}
