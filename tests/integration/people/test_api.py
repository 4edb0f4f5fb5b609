"""Administrators export and erase users over HTTP; erased users cannot have new settings."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.erasing import DatabasePeople
from devkit.embedded.tansu import EmbeddedTansu
from tests.integration.people.test_erasure import calls_of, record
from tests.support.api import ApiClient, served_from, token
from tests.support.background_loop import BackgroundLoop
from tests.support.logins import as_login
from tests.support.personal_data import places_in_database
from tests.support.recording import TopicLog, assert_verified, fetch

ROOT = token("root", role="admin")
USER = "zoë-o'hara"
PATH = "/api/admin/users/zo%C3%AB-o'hara"
LIMIT = {"dailyLimit_usd": 5}


@pytest.fixture
def own_broker(background: BackgroundLoop, tmp_path: Path) -> Iterator[EmbeddedTansu]:
    """A broker with topics that only this test uses."""
    server = EmbeddedTansu(tmp_path / "tansu")
    background.run(server.start())
    yield server
    background.run(server.stop())


async def erase(api: ApiClient, query: str = "", confirm: str = USER) -> tuple[int, object]:
    """Ask for an erasure; returns the status and the receipt or the code."""
    answer = await api.ask("POST", f"{PATH}/erasure{query}", bearer=ROOT, body={"confirm": confirm})
    return answer.status, answer.data if answer.status == 200 else answer.code


async def test_administrators_export_and_erase_users(
    database_url: str, own_broker: EmbeddedTansu
) -> None:
    await record(database_url, calls_of(USER, "call", 4), TopicLog())
    kafka = KafkaSection(own_broker.bootstrap, idempotent=False).client()
    people = DatabasePeople(as_login(database_url, "operator"), kafka)
    async with served_from(database_url, people=people) as api:
        budget = "/api/costs/user/zo%C3%AB-o'hara/budget"
        put = await api.ask("PUT", budget, bearer=token(USER), body=LIMIT)
        assert put.status == 200, put.body
        exported = await api.ask("GET", f"{PATH}/export", bearer=ROOT)
        lines = [json.loads(line) for line in exported.body.splitlines()]
        assert exported.status == 200
        assert lines[-1]["rows"]["calls"] == 4
        assert sum(lines[-1]["rows"].values()) == len(lines) - 2

        assert await erase(api, "?dryRun=false", "someone") == (409, "erasure_refused")
        status, shown = await erase(api)
        assert (status, shown["dryRun"]) == (200, True)  # type: ignore[index]
        assert await fetch(database_url, "SELECT FROM erased_users") == []
        status, receipt = await erase(api, "?dryRun=false")
        assert status == 200
        assert await places_in_database(database_url, ("o'hara",)) == []
        await assert_verified(database_url)
        assert await fetch(database_url, "SELECT pseudonym, erased_by FROM erased_users") == [
            (receipt["pseudonym"], "admin root")  # type: ignore[index]
        ]
        unknown = "?dryRun=false&allowUnknown=false"
        path = "/api/admin/users/alcie/erasure"
        refused = await api.ask("POST", path + unknown, bearer=ROOT, body={"confirm": "alcie"})
        assert (refused.status, refused.code) == (409, "erasure_refused")
        assert b"allowUnknown=true" in refused.body
        allowed = await api.ask(
            "POST", f"{path}?allowUnknown=true", bearer=ROOT, body={"confirm": "alcie"}
        )
        assert (allowed.status, allowed.data["rows"]) == (200, {})

        again = await api.ask("PUT", budget, bearer=token(USER), body=LIMIT)
        assert (again.status, again.code) == (403, "forbidden")
        assert await places_in_database(database_url, ("o'hara",)) == []


async def test_without_a_login_for_it_the_routes_answer_503(database_url: str) -> None:
    async with served_from(database_url) as api:
        assert (await api.ask("GET", f"{PATH}/export", bearer=ROOT)).status == 503
        assert await erase(api) == (503, "unavailable")
