"""Recommendations from recorded events: counted, priced, voided, valid by their schema."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.prices.increments import NO_INCREMENTS, Increments
from ledger.reports import advice as rules
from ledger.reports import advice_rows as advice
from tests.support.api import ApiClient, served_from, token
from tests.support.events import Plain, charged, cost, ended, started, voided
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.repricing import a_price, add

PATH = "/api/costs/user/alice/recommendations"
NOW = datetime.now(UTC).replace(microsecond=0)


def thought(tokens: int, **more: Any) -> Plain:
    usage = {"usage": tokens, "unit": "tokens", "model": "llama3.1-70b", **more}
    return cost(service="cerebras", operation="chat_completion", **usage)


def spoken(characters: int, phrase: str | None = None, **more: Any) -> Plain:
    body = {"turn": 3, "phraseHash": phrase} if phrase else None
    usage = {"usage": characters, "unit": "characters", "model": "eleven_turbo_v2_5", **more}
    return cost(service="elevenlabs", operation="tts", metadata=body, **usage)


def call(number: int, all_events: datetime, *events: Plain) -> list[Plain]:
    """Return the events of a call, moved to the call and its time."""
    whole = [started(), *events, ended()]
    for event in whole:
        event["data"]["callId"] = f"call-{number}"
        event["time"] = all_events
    return whole


@pytest.fixture
async def recorded(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    wrong = thought(9_000_000)
    day = timedelta(days=1)
    monkeypatch.setattr(rules, "EVENTS_MIN", 1)
    monkeypatch.setattr(rules, "SAVING_NANO_MIN", 1)
    calls = [
        call(1, NOW - day, thought(1_000_000), thought(2_000_000), wrong, voided(wrong), charged()),
        call(2, NOW - 2 * day, thought(500_000), spoken(100, "hello"), spoken(60), charged()),
        call(3, NOW - 3 * day, spoken(100, "hello"), spoken(300, "bye")),
        call(4, NOW - 31 * day, thought(50_000_000), spoken(5_000, "hello"), charged()),
    ]
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch(event for events in calls for event in events))
        others = call(9, NOW - day, thought(7_000_000, userId="bob"))
        for event in others:
            event["data"]["userId"] = "bob"
        await writer.record(TopicLog().batch(others))
    await assert_verified(database_url)
    return database_url


@pytest.fixture
async def api(recorded: str) -> AsyncIterator[ApiClient]:
    async with served_from(recorded) as api:
        yield api


async def test_each_saving_follows_from_recorded_events(api: ApiClient) -> None:
    response = await api.get(PATH, "alice")
    body = response.data
    assert (body["userId"], body["basedOnCalls"], body["notes"]) == ("alice", 3, [])
    assert body["basedOnEvents"] == 3 + 4
    found = {each["kind"]: each for each in body["recommendations"]}
    assert list(found) == ["model_choice", "prepaid_bundle", "shorter_replies", "phrase_caching"]

    model = found["model_choice"]  # 3.5 million tokens at 0.60 and at 0.10 a million
    assert (model["currentCost"], model["newCost"]) == (Decimal("2.1"), Decimal("0.35"))
    assert model["saving"] == Decimal("1.75")
    assert model["evidence"]["usage"] == [{"unit": "tokens", "usage": 3_500_000}]
    assert (model["evidence"]["events"], model["evidence"]["calls"]) == (3, 2)
    assert len(model["evidence"]["exampleEvents"]) == 3

    bundle = found["prepaid_bundle"]  # two reported charges; the third had no fee
    assert bundle["saving"] == Decimal("0.3")
    assert bundle["evidence"]["usage"] == [{"unit": "charges", "usage": 2}]
    assert len(bundle["evidence"]["exampleEvents"]) == 2

    phrases = found["phrase_caching"]  # 100 characters spoken again, at 0.15 a thousand
    assert phrases["saving"] == Decimal("0.015")
    assert "3 of 4 events have a phrase hash; 1 of them repeat" in phrases["computation"]

    replies = found["shorter_replies"]  # 60, 100, 100, 300: the median is 100
    assert replies["saving"] == Decimal("0.03")


async def test_examples_are_the_most_expensive_events(api: ApiClient) -> None:
    body = (await api.get(PATH, "alice")).data["recommendations"][0]
    listed = (await api.get("/api/costs/call/call-1/events?limit=50", "alice")).data["events"]
    events = {(event["source"], event["id"]): event for event in listed if event["usage"]}
    dearest = body["evidence"]["exampleEvents"][0]
    assert dearest["callId"] == "call-1"
    assert events[dearest["source"], dearest["id"]]["usage"] == 2_000_000


async def test_outdated_models_are_warned_of_and_not_recommended(
    api: ApiClient, recorded: str
) -> None:
    retire = "UPDATE service_prices SET retires_on = $1::text::date WHERE model = $2"
    await fetch(recorded, retire, f"{NOW + timedelta(days=30):%F}", "llama3.1-70b")
    body = (await api.get(PATH, "alice")).data
    [warning] = body["retirements"]
    assert "The cheapest replacement is llama3.1-8b" in warning["warning"]
    assert (warning["currentCost"], warning["isDeprecated"]) == (Decimal("2.1"), False)
    [replacement] = warning["replacements"]
    assert (replacement["model"], replacement["cost"]) == ("llama3.1-8b", Decimal("0.35"))
    assert warning["evidence"]["usage"] == [{"unit": "tokens", "usage": 3_500_000}]

    await fetch(recorded, retire, "2026-01-01", "llama3.1-8b")
    body = (await api.get(PATH, "alice")).data
    assert "model_choice" not in {each["kind"] for each in body["recommendations"]}
    assert body["retirements"][0]["replacements"] == []
    assert (await api.get("/api/costs/user/carol/recommendations", "carol")).data[
        "retirements"
    ] == []


async def test_other_model_is_priced_by_the_conditions_of_each_request(
    api: ApiClient, recorded: str
) -> None:
    price = (
        "INSERT INTO service_prices (service, class, operation, model, unit, price_usd, per_units,"
        " effective_from, source, set_by, minimum_seconds, increment_seconds)"
        " VALUES ('acme', 'api', $1, $2, $3, $4::text::numeric, 1000000, '2020-01-01', 't', 't', $5, $5)"
    )
    for operation, name, unit, usd, step in (
        ("inference", "large", "input_tokens", "10", 0),
        ("inference", "large", "input_tokens tier=batch", "10", 0),
        ("inference", "small", "input_tokens", "1", 0),
        ("inference", "small", "input_tokens input_size_above=200000", "2", 0),
        ("inference", "small", "input_tokens tier=batch", "0.5", 0),
        ("stt", "large", "seconds", "1000000", 0),
        ("stt", "small", "seconds", "10000", 60),
    ):
        await fetch(recorded, price, operation, name, unit, usd, step)
    model: Plain = {"service": "acme", "operation": "inference", "model": "large"}

    def request(tokens: int) -> Plain:
        usages = [{"unit": "input_tokens", "quantity": tokens}]
        return {**model, "usage": None, "unit": None, "usages": usages}

    speech: Plain = {**model, "operation": "stt", "unit": "seconds"}
    events = [
        cost("d-1", "dora", time=NOW, **request(100_000)),
        cost("d-1", "dora", time=NOW, **request(300_000)),
        cost("d-1", "dora", time=NOW, **model, usage=500_000, unit="input_tokens",
             priceContext={"tier": "batch", "inputSize": 500_000}),
        cost("d-1", "dora", time=NOW, **speech, usage=30),
        cost("d-1", "dora", time=NOW, **speech, usage=31),
        cost("d-1", "dora", time=NOW, **speech, usage=1, legId="two"),
        cost("d-2", "dora", time=NOW, **speech, usage=10),
        ended("d-1", "dora", time=NOW),
        ended("d-2", "dora", time=NOW),
        cost("d-3", "dora", time=NOW, **speech, usage=7),
    ]  # fmt: skip
    async with BatchWriter(recorded) as writer:
        await writer.record(TopicLog().batch(events))
    body = (await api.get("/api/costs/user/dora/recommendations", "dora")).data
    found = {each["evidence"]["operation"]: each for each in body["recommendations"]}
    assert found["inference"]["currentCost"] == 9
    assert found["inference"]["newCost"] == Decimal("0.1") + Decimal("0.6") + Decimal("0.25")
    assert (found["stt"]["currentCost"], found["stt"]["newCost"]) == (79, Decimal("2.47"))


async def test_current_cost_contains_the_roundings_of_ended_calls(
    api: ApiClient, recorded: str
) -> None:
    minute = Increments(60, 60)
    rows = [
        a_price("acme", usd, datetime(2020, 1, 1, tzinfo=UTC), model=model, unit=unit, increments=step)
        for model, usd, unit, step in (
            ("large", "6", "minutes", minute),
            ("small", "0.05", "seconds", NO_INCREMENTS),
        )
    ]  # fmt: skip
    await add(recorded, *rows)
    talk: Plain = {"service": "acme", "operation": "talk", "model": "large", "time": NOW}
    events = [
        *(cost("e-1", "ella", **talk, usage=1, unit="seconds") for _ in range(9)),
        cost("e-1", "ella", **talk, usage=1, unit="minutes", legId="b"),
        cost("e-1", "ella", **talk, usage="0.5", unit="minutes"),
        ended("e-1", "ella", time=NOW),
        cost("e-2", "ella", **talk, usage=30, unit="seconds"),
    ]
    async with BatchWriter(recorded) as writer:
        await writer.record(TopicLog().batch(events))
    [choice] = (await api.get("/api/costs/user/ella/recommendations", "ella")).data[
        "recommendations"
    ]
    # Two legs of a minute each, and the exact usage of the active call.
    assert choice["currentCost"] == 6 + 6 + 3
    assert choice["newCost"] == Decimal("0.05") * (9 + 60 + 30 + 30)


async def test_user_without_calls_gets_no_recommendation(api: ApiClient) -> None:
    body = (await api.get("/api/costs/user/carol/recommendations", "carol")).data
    assert (body["basedOnCalls"], body["recommendations"], body["notes"]) == (0, [], [])


async def test_admins_see_recommendations_and_other_users_do_not(api: ApiClient) -> None:
    admin = await api.ask("GET", PATH, bearer=token("root", role="admin"))
    assert admin.data["recommendations"] == (await api.get(PATH, "alice")).data["recommendations"]
    assert (await api.get(PATH, "bob")).status == 403
    theirs = (await api.get("/api/costs/user/bob/recommendations", "bob")).data
    assert [each["saving"] for each in theirs["recommendations"]] == [Decimal("3.5")]


async def test_only_the_newest_calls_are_read(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "CALLS_MAX", 2)
    body = (await api.get(PATH, "alice")).data
    assert body["basedOnCalls"] == 2
    assert body["notes"] == ["Based on the newest 2 of 3 calls."]
    assert body["recommendations"][0]["evidence"]["events"] == 3
