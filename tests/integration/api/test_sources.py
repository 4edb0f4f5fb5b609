"""Services cannot use sources or idempotency keys of others, and operators can change owners."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cost_analytics.cli import main
from ledger.operations import sources
from tests.support.api import ApiClient, ApiResponse, served_from, token
from tests.support.events import Plain, cost
from tests.support.intake import EVENTS, FINALIZE, TRACK, MemoryEventStream, identities
from tests.support.ledger_rows import rows
from tests.support.live import ago

TRACKED = {"callId": "c", "userId": "u", "service": "twilio", "operation": "voice", "usageAmount": 1,
           "usageUnit": "minutes"}  # fmt: skip


@pytest.fixture
def stream() -> MemoryEventStream:
    return MemoryEventStream()


@pytest.fixture
async def api(stream: MemoryEventStream, database_url: str) -> AsyncIterator[ApiClient]:
    async with served_from(database_url, events=stream) as api:
        yield api


async def post(
    api: ApiClient, path: str, body: object, service: str, **headers: str
) -> ApiResponse:
    bearer = token(service, role="service")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.ask("POST", path, bearer=bearer, body=body, headers=named)


def event(source: str, event_id: str = "1") -> Plain:
    plain = cost(source=source, id=event_id, time=ago(seconds=5))
    return {**plain, "time": plain["time"].isoformat()}


async def test_source_belongs_to_its_first_service(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    assert (await post(api, EVENTS, event("/emitters/7"), "first")).status == 202
    for body in (event("/emitters/7", "2"), [event("/mine"), event("/emitters/7", "3")]):
        refused = await post(api, EVENTS, body, "second")
        assert (refused.status, refused.code) == (403, "foreign_source")
        assert "Use a source of your own" in refused.json["error"]
    assert len(stream.events) == 1, "nothing of a refused batch is sent"
    assert (await post(api, EVENTS, [event("/emitters/7", "4")], "first")).status == 202
    binary = {"ce_specversion": "1.0", "ce_type": "cost.recorded", "ce_id": "5", "ce_source": "/emitters/7",
              "ce_time": event("x")["time"]}  # fmt: skip
    assert (await post(api, EVENTS, cost()["data"], "second", **binary)).status == 403
    admin = await api.ask(
        "POST", EVENTS, bearer=token("root", role="admin"), body=event("/emitters/7")
    )
    assert admin.status == 202


async def test_idempotency_keys_of_services_are_separate(
    api: ApiClient, stream: MemoryEventStream
) -> None:
    for service in ("first", "second"):
        for path, body in ((TRACK, TRACKED), (FINALIZE, {"duration_seconds": 1})):
            response = await post(api, path, body, service, Idempotency_Key="k")
            assert response.status == 202
    assert len(identities(stream)) == len(stream.events) == 4
    for source in ("/api/costs/track/first", "/api/costs/finalize/first", "/api/costs/track/new"):
        forged = await post(api, EVENTS, event(source, "k"), "second")
        assert (forged.status, forged.code) == (403, "foreign_source")
    assert len(stream.events) == 4


async def test_one_of_racing_services_gets_the_source(
    stream: MemoryEventStream, database_url: str
) -> None:
    async with (
        served_from(database_url, events=stream) as first,
        served_from(database_url, events=stream) as other,
    ):
        for number in range(10):
            responses = await asyncio.gather(
                *(
                    post(api, EVENTS, event(f"/race/{number}", str(n)), f"s{n}")
                    for n, api in enumerate((first, other) * 2)
                )
            )
            assert sorted(response.status for response in responses) == [202, 403, 403, 403]
    assert len(stream.events) == 10


async def test_service_owns_a_limited_number_of_sources(
    api: ApiClient, stream: MemoryEventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SOURCES_MAX", 3)
    assert (await post(api, EVENTS, [event(f"/s/{n}") for n in range(3)], "first")).status == 202
    refused = await post(api, EVENTS, event("/s/4"), "first")
    assert (refused.status, refused.code) == (403, "foreign_source")
    assert (await post(api, EVENTS, event("/s/1", "2"), "first")).status == 202
    assert (await post(api, EVENTS, event("/s/4"), "second")).status == 202
    assert len(stream.events) == 5


async def test_operator_can_list_and_change_owners(
    api: ApiClient,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def data(*words: str) -> str:
        assert await asyncio.to_thread(main, ["sources", *words]) == 0
        return capsys.readouterr().out

    assert await data("list") == "No sources.\n"
    assert (await post(api, EVENTS, event("/s"), "first")).status == 202
    assert (await data("list", "--subject", "first")).startswith("/s  first  since 20")
    assert await data("list", "--subject", "second") == "No sources.\n"
    assert (await post(api, EVENTS, event("/s", "2"), "second")).status == 403
    assert await data("give", "/s", "--subject", "second") == (
        "/s belongs to second; it belonged to first.\n"
    )
    assert (await post(api, EVENTS, event("/s", "2"), "second")).status == 202
    assert await data("give", "/kafka", "--subject", "third") == "/kafka belongs to third.\n"
    assert (await post(api, EVENTS, event("/kafka"), "second")).status == 403
    assert await asyncio.to_thread(main, ["sources", "give", "", "--subject", "a"]) == 1
    assert "SOURCE must have 1 to 255 characters." in capsys.readouterr().err
    async with rows(database_url) as ledger:
        owned = await ledger.connection.fetch(
            "SELECT source, subject FROM event_sources ORDER BY 1"
        )
    assert [tuple(row) for row in owned] == [("/kafka", "third"), ("/s", "second")]
