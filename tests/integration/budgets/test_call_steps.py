"""Steps before a call's end in a real database: what each says, and when there is none."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ledger.budgets.call_steps import StepSettings
from ledger.budgets.model_suggestions import ModelSuggestions
from ledger.budgets.step_rows import NO_CHEAPER_MODEL
from tests.support.alerting import USD, change, just_now
from tests.support.commands import command_rows
from tests.support.events import Plain, cost, ended, started, voided
from tests.support.recording import BatchWriter, TopicLog, fetch

BOTH = StepSettings(warn=True, downgrade=True, closing_sentence="Goodbye then.")


def inference(tokens: int, at: datetime, model: str = "llama3.1-70b", **more: Any) -> Plain:
    """Return a cost of tokens: 60 cents a million, and with 8b instead 10 cents."""
    return cost(
        time=at, service="cerebras", operation="inference", model=model, usage=tokens, unit="tokens",
        **more,
    )  # fmt: skip


async def record(url: str, *events: Plain) -> None:
    """Record events as one batch."""
    async with BatchWriter(url) as writer:
        await writer.record(TopicLog().batch(events))


async def messages(url: str) -> list[dict[str, Any]]:
    """Return the commands in the outbox."""
    rows = await fetch(
        url, "SELECT payload FROM outbox WHERE aggregatetype = 'call-command' ORDER BY seq"
    )
    return [json.loads(row[0], parse_float=Decimal) for row in rows]


async def kinds(url: str) -> list[str]:
    return [row["kind"] for row in await command_rows(url)]


async def test_each_step_is_requested_once_with_its_reason(database_url: str) -> None:
    now = just_now()
    await change(database_url, "alice", call_limit=(True, USD), call_steps=BOTH)
    crossing = inference(1_300_000, now)
    await record(database_url, started(time=now), inference(100_000, now))
    assert await kinds(database_url) == []
    await record(database_url, crossing)
    await record(database_url, crossing, cost(time=now, totalCost="0.01"))
    await record(database_url, cost(time=now, totalCost="0.1"))
    await record(database_url, cost(time=now, totalCost="0.1"))
    assert await kinds(database_url) == ["warn", "downgrade", "cutoff"]
    warn, downgrade, cutoff = await messages(database_url)
    assert (warn["type"], downgrade["type"]) == ("call.warn", "call.downgrade")
    assert warn["subject"] == warn["data"]["callId"] == "call-1"
    assert warn["id"] == warn["data"]["commandId"] != cutoff["id"]
    assert warn["data"]["closingSentence"] == "Goodbye then."
    assert warn["data"]["reason"] == "This call cost $0.88, past 80% of its $1.00 limit."
    assert warn["data"]["crossedBy"]["id"] == crossing["id"]
    assert (warn["data"]["threshold_percent"], warn["data"]["limitVersion"]) == (80, 1)
    assert downgrade["data"]["reason"] == (
        "This call cost $0.98, past 95% of its $1.00 limit. With llama3.1-8b instead of "
        "llama3.1-70b it would be $0.70 less."
    )
    assert downgrade["data"]["suggestion"] == {
        "service": "cerebras",
        "operation": "inference",
        "from": "llama3.1-70b",
        "to": "llama3.1-8b",
        "currentCost": Decimal("0.84"),
        "estimatedSaving": Decimal("0.7"),
    }


async def test_call_that_reaches_its_limit_in_one_batch_is_only_ended(database_url: str) -> None:
    now = just_now()
    await change(database_url, "alice", call_limit=(True, USD), call_steps=BOTH)
    wrong = cost(time=now, totalCost="0.3")
    await record(database_url, started(time=now), wrong, inference(1_400_000, now))
    assert await kinds(database_url) == ["cutoff"]
    await record(database_url, voided(wrong, time=now), cost(time=now, totalCost="0.01"))
    assert await kinds(database_url) == ["cutoff"]


async def test_suggestion_counts_the_usage_of_its_own_batch(database_url: str) -> None:
    """Small batches insert their rows with the totals, large ones copy them before."""
    now = just_now()
    await change(database_url, "alice", call_limit=(True, USD), call_steps=BOTH)
    await change(database_url, "bob", call_limit=(True, USD), call_steps=BOTH)
    await record(database_url, inference(1_550_000, now))
    many = [inference(1_550, now, call="call-2", userId="bob") for _ in range(1_000)]
    await record(database_url, *many)
    savings = [one["data"]["suggestion"]["estimatedSaving"] for one in await messages(database_url)]
    assert savings == [Decimal("0.775"), Decimal("0.775")]


async def test_without_a_cheaper_model_the_step_is_unsupported_and_not_sent(
    database_url: str,
) -> None:
    now = just_now()
    await change(database_url, "alice", call_limit=(True, USD), call_steps=BOTH)
    await record(database_url, started(time=now), cost(time=now, totalCost="0.96"))
    await record(database_url, cost(time=now, totalCost="0.001"))
    [row] = await command_rows(database_url)
    assert (row["kind"], row["state"], row["outcome"]) == (
        "downgrade",
        "unsupported",
        NO_CHEAPER_MODEL,
    )
    assert row["ended_at"] is not None
    assert await messages(database_url) == []


async def test_voided_usage_suggests_nothing(database_url: str) -> None:
    now = just_now()
    await change(database_url, "alice", call_limit=(True, USD), call_steps=BOTH)
    wrong = inference(500_000, now)
    await record(database_url, started(time=now), wrong, voided(wrong, time=now))
    await record(database_url, cost(time=now, totalCost="0.96"))
    [row] = await command_rows(database_url)
    assert row["outcome"] == NO_CHEAPER_MODEL


async def test_steps_are_off_by_default_and_ended_calls_get_none(database_url: str) -> None:
    now = just_now()
    await change(database_url, "alice", call_limit=(True, USD))
    await record(database_url, started(time=now), cost(time=now, totalCost="0.85"))
    assert await kinds(database_url) == []
    await record(database_url, ended(time=now))
    await change(database_url, "alice", call_steps=BOTH)
    old = now - timedelta(days=3)
    await record(database_url, cost("old", time=old, totalCost="0.85"))
    assert await kinds(database_url) == []


async def test_changed_limit_rearms_the_steps_at_once(database_url: str) -> None:
    now = just_now()
    await change(database_url, "alice", call_limit=(True, USD), call_steps=BOTH)
    await record(database_url, started(time=now), inference(1_400_000, now))
    await change(database_url, "alice", call_limit=(True, 10 * USD))
    assert await kinds(database_url) == ["warn"]
    await change(database_url, "alice", call_limit=(True, 9 * USD // 10))
    assert await kinds(database_url) == ["warn", "downgrade"]
    data = (await messages(database_url))[1]["data"]
    assert (data["limitVersion"], data["crossedBy"], data["eventTime"]) == (3, None, None)
    assert data["suggestion"]["to"] == "llama3.1-8b"


async def test_users_without_steps_send_no_further_statement(
    database_url: str, monkeypatch: Any
) -> None:
    """Nothing of the steps reads or writes the database for them."""

    async def refuse(*_: object) -> None:
        raise AssertionError("a suggestion was looked for")

    monkeypatch.setattr(ModelSuggestions, "best", refuse)
    monkeypatch.setattr("ledger.budgets.step_requests.insert_step", refuse)
    now = datetime.now(UTC)
    await change(database_url, "alice", call_limit=(True, USD), auto_cutoff=False)
    async with BatchWriter(database_url) as writer:
        await writer.record(TopicLog().batch([cost(time=now, totalCost="2")]))
    assert await kinds(database_url) == []
