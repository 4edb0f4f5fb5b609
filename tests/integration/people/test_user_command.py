"""`user erase` and `user export` as processes, and a restore from a backup before an erasure."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devkit.embedded.tansu import EmbeddedTansu
from tests.integration.people.test_erasure import calls_of, record, under, verified_with_files
from tests.support import parts
from tests.support.archives import archive
from tests.support.background_loop import BackgroundLoop
from tests.support.command import run_command
from tests.support.expected import expect
from tests.support.notifications_process import NoticesProcess
from tests.support.personal_data import IDENTITY, places_in_database, places_in_files, sums
from tests.support.recording import TopicLog, assert_verified, fetch, until
from tests.support.totals import read_totals


@pytest.fixture
def own_broker(background: BackgroundLoop, tmp_path: Path) -> Iterator[EmbeddedTansu]:
    """A broker with topics that only this test uses."""
    server = EmbeddedTansu(tmp_path / "tansu")
    background.run(server.start())
    yield server
    background.run(server.stop())


@pytest.fixture
def values(database_url: str, own_broker: EmbeddedTansu) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": own_broker.bootstrap,
        "KAFKA_IDEMPOTENT": "false",
    }


async def test_dry_run_and_missing_confirmation_change_nothing(
    database_url: str, values: dict[str, str], tmp_path: Path
) -> None:
    await record(database_url, calls_of(IDENTITY, "call", 2), TopicLog())
    before = await places_in_database(database_url)
    shown = run_command("user", "erase", IDENTITY, "--dry-run", values=values, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    receipt = json.loads(shown.stdout)
    assert (receipt["dryRun"], receipt["rows"]["calls"]) == (True, 2)
    unconfirmed = run_command("user", "erase", IDENTITY, values=values, cwd=tmp_path)
    assert unconfirmed.returncode == 1
    assert "confirm with --yes" in unconfirmed.stderr
    assert await places_in_database(database_url) == before
    gone = values | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    failed = run_command("user", "erase", IDENTITY, "--yes", values=gone, cwd=tmp_path)
    assert failed.returncode == 1
    assert "Kafka at 127.0.0.1:1" in failed.stderr
    assert await places_in_database(database_url) == before
    assert await fetch(database_url, "SELECT FROM erased_users") == []


async def test_mistyped_id_is_refused_and_can_be_erased_in_advance(
    database_url: str, values: dict[str, str], tmp_path: Path
) -> None:
    await record(database_url, calls_of("alice", "call", 2), TopicLog())
    for option in ("--dry-run", "--yes"):
        refused = run_command("user", "erase", "alcie", option, values=values, cwd=tmp_path)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "the user id 'alcie' is not in the data" in refused.stderr
        assert "--allow-unknown" in refused.stderr
    assert await fetch(database_url, "SELECT FROM erased_users") == []
    words = ("user", "erase", "carol", "--yes", "--allow-unknown")
    done = run_command(*words, values=values, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    receipt = json.loads(done.stdout)
    assert receipt["rows"] == {}
    [[pseudonym]] = await fetch(database_url, "SELECT pseudonym FROM erased_users")
    assert pseudonym == receipt["pseudonym"]


def erase(values: dict[str, str], files: Path) -> str:
    """Erase the user with the command; returns the pseudonym."""
    words = ("user", "erase", IDENTITY, "--yes", "--archive", str(files), "--set-by", "carla")
    erased = run_command(*words, values=values, cwd=files.parent, seconds=120)
    assert erased.returncode == 0, erased.stderr
    pseudonym = str(json.loads(erased.stdout)["pseudonym"])
    listed = run_command("user", "erasures", values=values, cwd=files.parent)
    assert json.loads(listed.stdout)["pseudonym"] == pseudonym
    return pseudonym


async def test_restored_backup_is_erased_again(
    database_url: str, values: dict[str, str], tmp_path: Path
) -> None:
    """The backup, and the archive files that it names, are older than the erasure."""
    files, log = tmp_path / "archive", TopicLog()
    first, later = calls_of(IDENTITY, "call", 6), calls_of(IDENTITY, "later", 4)
    first += calls_of("bob", "other", 4)
    await record(database_url, first, log)
    await archive(database_url, files)
    admin = values | {"ADMIN_DATABASE_URL": database_url}
    taken = run_command("backup", "--to", f"{tmp_path}/b/", values=admin, cwd=tmp_path, seconds=120)
    assert taken.returncode == 0, taken.stderr
    dump = taken.stdout.splitlines()[-1]

    pseudonym = erase(values, files)
    before = await sums(database_url)
    assert (await verified_with_files(database_url, files)).lines == []

    restored = run_command("restore", dump, "--replace", values=admin, cwd=tmp_path, seconds=180)
    assert restored.returncode == 0, restored.stderr
    assert await places_in_database(database_url)
    notices = NoticesProcess(tmp_path, values)
    notices.start()

    async def is_applied() -> bool:
        query = "SELECT journal_read_at FROM ledger_epochs ORDER BY epoch DESC LIMIT 1"
        return (await fetch(database_url, query))[0][0] is not None

    try:
        await until(is_applied, 60)
        await notices.stop()
    finally:
        notices.abandon()
    assert notices.action_count("erasures_applied") == 1
    assert await places_in_database(database_url) == []
    assert places_in_files(files) == []
    found = await verified_with_files(database_url, files)
    assert (found.differences, found.lines) == (0, [])
    assert await sums(database_url) == before
    await record(database_url, [*first, *later], log)  # what Kafka still has, and late events
    await assert_verified(database_url)
    assert await places_in_database(database_url) == []
    totals, expected = await read_totals(database_url), expect(under([*first, *later], pseudonym))
    assert totals.user_day_costs == expected.totals.user_day_costs
    assert totals.user_days == expected.totals.user_days
    parts.figures.append(
        f"restore from a backup before an erasure: {len(first) + len(later)} events sent, "
        f"{totals.events} counted, difference {totals.events - len(first) - len(later)}, "
        f"{len(await places_in_database(database_url))} places with the identity"
    )


async def test_export_contains_archived_events(
    database_url: str, values: dict[str, str], tmp_path: Path
) -> None:
    files, to = tmp_path / "archive", tmp_path / "export.jsonl"
    events = calls_of(IDENTITY, "call", 6)
    await record(database_url, [*events, *calls_of("bob", "other", 2)], TopicLog())
    await archive(database_url, files)
    words = ("user", "export", IDENTITY, "--to", str(to))
    incomplete = run_command(*words, values=values, cwd=tmp_path)
    assert incomplete.returncode == 1
    assert "not exported: archive file" in incomplete.stderr
    done = run_command(*words, "--archive", str(files), values=values, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in to.read_text().splitlines()]
    assert lines[0]["userId"] == IDENTITY
    rows = [line for line in lines if "row" in line]
    assert sum(lines[-1]["rows"].values()) == len(rows)
    assert to.stat().st_mode & 0o777 == 0o600
    exported = {row["row"]["event_id"] for row in rows if "event_id" in row["row"]}
    assert {event["id"] for event in events} <= exported
    assert "bob" not in to.read_text()
    printed = run_command("user", "export", "nobody", values=values, cwd=tmp_path)
    assert printed.returncode == 0
    assert json.loads(printed.stdout.splitlines()[-1])["rows"] == {}
