"""Refreshing prices from sources: unchanged, small and large changes, errors, parallel runs."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import faust
import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from ledger.postgres.database import connected
from ledger.prices.approval import decide
from streams.notifications.faust_agents import make_app
from streams.prices import fetching
from streams.prices.daily import DailyPrices
from streams.prices.reading import TwilioVoice
from streams.prices.refresh import FRESH_FOR, RefreshResult, refresh_prices
from tests.support.command import run_command
from tests.support.price_servers import COUNTRY_V2, VendorServer, country, vendor
from tests.support.recording import fetch

PROPOSALS = "SELECT state, price_usd::text FROM price_proposals ORDER BY 1, 2"


@pytest.fixture
async def twilio() -> AsyncIterator[VendorServer]:
    async with vendor(COUNTRY_V2) as one:
        yield one


def source(of: VendorServer, name: str = "twilio", **more: Any) -> TwilioVoice:
    return TwilioVoice(name=name, url=of.url(name), **more)


async def one(url: str, of: TwilioVoice, **options: Any) -> RefreshResult:
    results = await refresh_prices(url, [of], **options)
    assert results is not None
    return results[0]


async def catalogue(url: str) -> dict[str, list[str]]:
    query = "SELECT operation, price_usd::text FROM service_prices WHERE service = 'twilio' ORDER BY price_id"
    found: dict[str, list[str]] = {}
    for operation, usd in await fetch(url, query):
        found.setdefault(operation, []).append(usd)
    return found


async def test_unchanged_prices_are_verified(database_url: str, twilio: VendorServer) -> None:
    age = "UPDATE service_prices SET verified_at = now() - interval '1 year'"
    await fetch(database_url, age)
    before = await catalogue(database_url)
    assert await one(database_url, source(twilio)) == RefreshResult("twilio", verified=2)
    assert await catalogue(database_url) == before
    query = "SELECT count(*) FROM service_prices WHERE verified_at > now() - interval '1 hour'"
    assert (await fetch(database_url, query))[0][0] == 2


async def test_small_change_is_entered_with_its_provenance(
    database_url: str, twilio: VendorServer
) -> None:
    twilio.answer = country("0.0150")
    assert await one(database_url, source(twilio)) == RefreshResult("twilio", verified=1, added=1)
    assert await one(database_url, source(twilio)) == RefreshResult("twilio", verified=2)
    row = (
        await fetch(database_url, "SELECT * FROM service_prices ORDER BY price_id DESC LIMIT 1")
    )[0]
    assert (row["price_usd"], row["set_by"]) == (pytest.approx(row["price_usd"]), "source twilio")
    assert row["source"] == f"twilio: {twilio.url('twilio')}"
    assert (await catalogue(database_url))["outbound_call"] == ["0.014", "0.0150"]


async def test_large_change_is_proposed_once(database_url: str, twilio: VendorServer) -> None:
    twilio.answer = country("0.14")
    before = await catalogue(database_url)
    first = await one(database_url, source(twilio))
    assert (first.proposed, first.pending, first.added) == (1, 1, 0)
    again = await one(database_url, source(twilio))
    assert (again.proposed, again.pending) == (0, 1)
    assert await catalogue(database_url) == before
    twilio.answer = country("0.15")
    assert (await one(database_url, source(twilio))).proposed == 1
    assert [tuple(r) for r in await fetch(database_url, PROPOSALS)] == [
        ("pending", "0.15"),
        ("replaced", "0.14"),
    ]
    twilio.answer = country("0.014")
    assert (await one(database_url, source(twilio))).pending == 0
    assert {r[0] for r in await fetch(database_url, PROPOSALS)} == {"replaced"}


async def test_rejected_price_is_not_proposed_again_and_approved_one_applies(
    database_url: str, twilio: VendorServer
) -> None:
    twilio.answer = country("0.14")
    await one(database_url, source(twilio))
    proposal = (await fetch(database_url, "SELECT proposal_id FROM price_proposals"))[0][0]
    async with connected(database_url, name="tests") as connection:
        await decide(connection, proposal, "rejected", decided_by="root")
    again = await one(database_url, source(twilio))
    assert (again.proposed, again.pending) == (0, 0)
    twilio.answer = country("0.28")
    await one(database_url, source(twilio))
    newest = (await fetch(database_url, "SELECT max(proposal_id) FROM price_proposals"))[0][0]
    async with connected(database_url, name="tests") as connection:
        approved = await decide(connection, newest, "approved", decided_by="root")
    assert approved.price_id is not None
    assert await one(database_url, source(twilio)) == RefreshResult("twilio", verified=2)


async def test_dry_run_writes_nothing(database_url: str, twilio: VendorServer) -> None:
    twilio.answer = country("0.14", "0.009")
    result = await one(database_url, source(twilio), dry_run=True)
    assert (result.added, result.pending) == (1, 1)
    assert await fetch(database_url, PROPOSALS) == []
    assert await fetch(database_url, "SELECT FROM price_refreshes") == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"status": 500}, "status 500"),
        ({"status": 302}, "status 302"),
        ({"answer": b"<html>"}, "not JSON"),
        ({"answer": b"[" + b" " * fetching.BYTES_MAX + b"]"}, "bytes"),
        ({"answer": country("NaN")}, "price_usd"),
        ({"hangs": True}, "in time"),
        ({"port": 1}, "cannot be reached"),
    ],
)
async def test_failing_source_does_not_affect_the_others(
    database_url: str, twilio: VendorServer, changes: dict[str, Any], word: str
) -> None:
    async with vendor(None) as bad:
        for name, value in changes.items():
            setattr(bad, name, value)
        sources = [source(bad, "bad"), source(twilio, "good")]
        results = await refresh_prices(database_url, sources, fetch_seconds_max=1)
    assert results is not None
    failed, good = results
    assert failed.error is not None
    assert word in failed.error
    assert good == RefreshResult("good", verified=2)
    assert "/elsewhere" not in bad.requested_paths
    looks = await fetch(
        database_url, "SELECT source, outcome, error FROM price_refreshes ORDER BY 1"
    )
    assert [tuple(look) for look in looks] == [
        ("bad", "failed", failed.error),
        ("good", "done", None),
    ]


async def test_parallel_timers_refresh_once(database_url: str, twilio: VendorServer) -> None:
    async def timer() -> list[RefreshResult] | None:
        return await refresh_prices(database_url, [source(twilio)], skip_if_read_within=FRESH_FOR)

    at_once = await asyncio.gather(*(timer() for _ in range(4)))
    assert await timer() == []
    assert sum(len(results or []) for results in at_once) == 1
    assert len(twilio.requested_paths) == 1
    again = await refresh_prices(database_url, [source(twilio)], skip_if_read_within=timedelta(0))
    assert again == [RefreshResult("twilio", verified=2)]


async def test_password_comes_from_a_file_and_is_never_shown(
    database_url: str, twilio: VendorServer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open-sesame\n")
    of = source(twilio, username="SK1", password_file=str(secret))
    assert (await one(database_url, of)).error is None
    assert twilio.authorization == "Basic U0sxOm9wZW4tc2VzYW1l"
    twilio.status = 401
    assert "sesame" not in str(await one(database_url, of))
    secret.unlink()
    assert "password file" in ((await one(database_url, of)).error or "")


async def test_command_reports_the_result(
    database_url: str, twilio: VendorServer, tmp_path: Path
) -> None:
    twilio.answer = country("0.14", "0.009")
    file = tmp_path / "sources.json"
    output = {"kind": "twilio-voice", "name": "twilio", "url": twilio.url()}
    file.write_text(json.dumps({"sources": [output]}))
    values = {"DATABASE_URL": database_url, "PRICE_SOURCES": str(file)}

    async def run(*words: str) -> Any:
        return await asyncio.to_thread(run_command, "prices", *words, values=values, cwd=tmp_path)

    dry = await run("refresh", "--dry-run")
    assert dry.stdout == "twilio: 0 verified, 1 added, 1 pending.\n"
    done = await run("refresh", "--source", "twilio")
    assert (done.returncode, done.stdout) == (0, dry.stdout)
    listed = (await run("list")).stdout
    assert "Pending approval:" in listed
    assert "+900.00%" in listed
    number = (await fetch(database_url, "SELECT proposal_id FROM price_proposals"))[0][0]
    approved = await run("approve", str(number), "--set-by", "carla")
    assert approved.stdout.startswith("Approved: twilio outbound_call per minutes from ")
    assert (await run("reject", str(number))).returncode == 1
    assert (
        await run("approve", "999")
    ).stderr == "cost-analytics: There is no pending proposal 999; see `prices list`.\n"
    assert (await run("refresh", "--source", "none")).returncode == 2
    twilio.status = 500
    failed = await run("refresh")
    assert (failed.returncode, "status 500" in failed.stdout) == (1, True)


async def test_daily_refresh_runs_once_and_survives_an_outage(
    database_url: str, twilio: VendorServer, caplog: pytest.LogCaptureFixture
) -> None:
    daily = DailyPrices(database_url, [source(twilio)])
    await asyncio.gather(daily(), daily())
    await daily()
    looks = await fetch(database_url, "SELECT count(*) FROM price_refreshes")
    assert looks[0][0] == 1
    await DailyPrices("postgresql://127.0.0.1:1/gone", [source(twilio)])()
    assert "price refresh failed" in caplog.text


def test_daily_refresh_is_scheduled_with_faust(monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[tuple[str, object]] = []

    def crontab(_: faust.App, form: str) -> Callable[[object], None]:
        return lambda task: planned.append((form, task))

    async def daily() -> None:
        raise AssertionError("it is not the hour")

    monkeypatch.setattr(faust.App, "crontab", crontab)
    make_app(KafkaSection("127.0.0.1:1").client(), lambda _: None)
    make_app(KafkaSection("127.0.0.1:1").client(), lambda _: None, daily)
    assert planned == [("17 4 * * *", daily)]
