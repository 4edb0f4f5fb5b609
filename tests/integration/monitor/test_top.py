"""`cost-analytics top` shows what PostgreSQL and Kafka have, and survives their outages."""

from pathlib import Path

import pytest
from textual.widgets import DataTable, Static

from cost_analytics import settings
from cost_analytics.configuration.tree import Settings
from cost_analytics.monitor.reading import Monitor
from cost_analytics.monitor.screen import MonitorApp
from devkit.embedded.postgres import EmbeddedPostgres
from devkit.embedded.tansu import EmbeddedTansu
from messaging.kafka import ensure_topics
from tests.support.command import run_command
from tests.support.diagnosis import Installation
from tests.support.logins import as_login
from tests.support.streaming import PARTITIONS

CLOSED_PORT = "127.0.0.1:1"
COSTS = '{"2026-01-01": {"twilio": 1500000000, "deepgram": 250000000}}'


def settings_of(database_url: str, bootstrap: str) -> Settings:
    values = {
        "DATABASE_URL": as_login(database_url, "operator"),
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
    }
    return settings.settings_from(values, "database", "kafka")


async def add_call(database_url: str, call_id: str, costs: str) -> None:
    installation = Installation(database_url, "", pytest.MonkeyPatch())
    await installation.execute(
        "INSERT INTO calls (call_id, user_id, persona_id, status, first_at, updated_at, costs, event_count) "
        f"VALUES ('{call_id}', 'ann', 'brad', 'active', now() - interval '65 seconds', now(), '{costs}', 7)"
    )


def cells(app: MonitorApp, table: str) -> list[list[str]]:
    shown = app.query_one(f"#{table}", DataTable)
    return [[str(cell) for cell in shown.get_row_at(row)] for row in range(shown.row_count)]


def text(app: MonitorApp, name: str) -> str:
    return str(app.query_one(f"#{name}", Static).content)


async def test_screen_shows_active_calls_and_figures(
    database_url: str, tansu: EmbeddedTansu
) -> None:
    loaded = settings_of(database_url, tansu.bootstrap)
    await ensure_topics(loaded.kafka.client(), partitions=PARTITIONS)
    await add_call(database_url, "call-1", COSTS)
    await add_call(database_url, "call-2", "{}")
    monitor = Monitor(loaded)
    app = MonitorApp(monitor, seconds=1)
    try:
        async with app.run_test(size=(140, 30)) as pilot:
            while not cells(app, "calls"):
                await pilot.pause(0.05)
            first, second = cells(app, "calls")
            assert first[0] == "$1.7500"
            assert first[2].startswith("1:0")
            assert first[3:] == ["7", "ann", "brad", "call-1"]
            assert second[-1] == "call-2"
            assert not app.query_one("#alerts").display
            assert "workers 0" in text(app, "figures")
            assert "active calls 2" in text(app, "figures")
            assert f"partitions 0/{PARTITIONS}" in text(app, "figures")
            await pilot.press("o")
            assert "calls by rate" in text(app, "title")
            await pilot.press("q")
    finally:
        await monitor.close()


async def test_an_outage_of_kafka_is_shown_beside_the_calls(database_url: str) -> None:
    await add_call(database_url, "call-1", COSTS)
    monitor = Monitor(settings_of(database_url, CLOSED_PORT))
    try:
        snapshot = await monitor.read()
        assert snapshot.waiting is None
        assert "Kafka at 127.0.0.1:1: it cannot be reached" in snapshot.problem
        assert [call.cost_nano for call in snapshot.calls] == [1_750_000_000]
    finally:
        await monitor.close()


async def test_an_outage_of_postgresql_is_shown_until_it_ends(
    database_url: str, postgres: EmbeddedPostgres, tansu: EmbeddedTansu
) -> None:
    name = database_url.rpartition("/")[2]
    server = Installation(postgres.admin_url, "", pytest.MonkeyPatch())
    monitor = Monitor(settings_of(database_url, tansu.bootstrap))
    app = MonitorApp(monitor, seconds=1)
    try:
        async with app.run_test() as pilot:
            while "active calls 0" not in text(app, "figures"):
                await pilot.pause(0.05)
            await server.execute(
                f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false",
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
            )
            while "PostgreSQL at" not in text(app, "problem"):
                await pilot.pause(0.05)
            await server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
            while text(app, "problem"):
                await pilot.pause(0.05)
            assert "active calls 0" in text(app, "figures")
    finally:
        await monitor.close()


def test_output_that_is_no_terminal_is_refused(database_url: str, tmp_path: Path) -> None:
    values = {"DATABASE_URL": database_url, "KAFKA_BOOTSTRAP_SERVERS": CLOSED_PORT}
    done = run_command("top", values=values, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "`top` needs a terminal" in done.stderr
