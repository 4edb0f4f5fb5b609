"""Aliases of models: recorded costs keep their prices, and events without a price get one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from ledger.operations.verification import rebuild
from ledger.postgres.database import connected
from ledger.prices.aliases import InvalidAliasError, enter_aliases, list_aliases, new_alias
from ledger.prices.reading import read_catalogue
from ledger.prices.rows import PriceRow
from ledger.repricing.corrections import Rates
from tests.support.command import run_command
from tests.support.events import Plain, cost
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.support.repricing import a_price, add
from tests.support.unpriced import price_unpriced, unpriced_ids

NOW = datetime.now(UTC).replace(microsecond=0)


def request(service: str, model: str, **more: Any) -> Plain:
    usages = [{"unit": "input_tokens", "quantity": 1_000_000}]
    return cost(service=service, operation="inference", model=model, usage=None, unit=None,
                usages=usages, **more)  # fmt: skip


def price(service: str, model: str, usd: str) -> PriceRow:
    row = a_price(service, usd, NOW - timedelta(days=100), model=model, unit="input_tokens")
    return row._replace(operation="inference", per_units=10**6)


async def enter(database_url: str, *aliases: dict[str, str]) -> tuple[int, int]:
    async with connected(database_url, name="tests") as connection:
        valid = [new_alias(fields, source="test") for fields in aliases]
        return await enter_aliases(connection, valid, set_by="test")


def ours(model: str = "gpt-4-turbo", **more: str) -> dict[str, str]:
    return {"service": "openai", "alias": "ours", "model": model, **more}


async def test_an_alias_prices_new_and_unpriced_events_and_nothing_else(database_url: str) -> None:
    """Of two services one has a price of any model: its recorded events keep that price."""
    await add(database_url, price("vendor", "*", "5"), price("vendor", "known", "7"))
    hour = NOW - timedelta(hours=1)
    unpriced, by_any = request("openai", "Ours", time=hour), request("vendor", "ours", time=hour)
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        outcome = await writer.record(log.batch([unpriced, by_any]))
        assert (outcome.recorded, outcome.unpriced) == (2, 1)
    entered = await enter(database_url, ours(), {**ours("known"), "service": "vendor"})
    assert entered == (2, 0)
    priced = await price_unpriced(database_url)
    assert (priced.priced, priced.left) == (1, 0)
    assert await unpriced_ids(database_url) == []
    late = [request("openai", "ours", time=hour), request("vendor", "ours", time=hour)]
    later = datetime.now(UTC) + timedelta(minutes=5)
    new = [request(service, "ours", time=later) for service in ("openai", "vendor")]
    async with BatchWriter(database_url) as writer:
        await writer.record(log.batch([*late, *new]))
    rows = await fetch(
        database_url,
        """SELECT e.service, e.time = $1 AS before_alias, e.model AS sent, p.model AS resolved, e.cost_nano
           FROM counted_costs AS e, jsonb_to_recordset(e.usages) AS u (price_id integer)
           LEFT JOIN service_prices AS p USING (price_id) ORDER BY 1, 2, 5""",
        hour,
    )
    assert [tuple(row) for row in rows] == [
        ("openai", False, "ours", "gpt-4-turbo", 10 * 10**9),
        ("openai", True, "ours", "gpt-4-turbo", 10 * 10**9),
        ("openai", True, "ours", "gpt-4-turbo", 10 * 10**9),
        ("vendor", False, "ours", "known", 7 * 10**9),
        ("vendor", True, "ours", "*", 5 * 10**9),
        ("vendor", True, "ours", "*", 5 * 10**9),
    ]
    await assert_verified(database_url)
    await rebuild(database_url)
    await assert_verified(database_url)
    assert (await price_unpriced(database_url)).priced == 0
    async with connected(database_url, name="tests") as connection:
        tariff = Rates(await read_catalogue(connection)).tariff(
            "vendor", "inference", "ours", "input_tokens"
        )
    rate = tariff.at(hour)
    assert rate is not None
    assert rate.cost_nano(1_000_000) == 5 * 10**9


async def test_an_alias_is_known_refused_or_ended(database_url: str) -> None:
    assert await enter(database_url, ours()) == (1, 0)
    assert await enter(database_url, ours()) == (0, 1)
    tomorrow = (NOW + timedelta(days=1)).isoformat()
    for fields, reason in (
        (ours(effective_from="2026-01-01"), "takes effect now or later"),
        (ours("unknown"), "unknown has no prices"),
        ({**ours(), "service": "azure"}, "gpt-4-turbo has no prices"),
        ({**ours(), "alias": "gpt-4-turbo", "model": "gpt-4"}, "prices of its own"),
    ):
        with pytest.raises(InvalidAliasError, match=reason):
            await enter(database_url, {**fields, "alias": fields["alias"].replace("ours", "new")})
    await add(database_url, price("openai", "other", "1"))
    with pytest.raises(InvalidAliasError, match="it is given for gpt-4-turbo and for other"):
        await enter(
            database_url,
            {**ours(effective_from=tomorrow), "alias": "both"},
            {**ours("other", effective_from=tomorrow), "alias": "both"},
        )
    assert await enter(database_url, ours("other", effective_from=tomorrow)) == (1, 0)
    with pytest.raises(InvalidAliasError, match="another model has this alias from"):
        await enter(database_url, ours(effective_from=tomorrow))
    assert await enter(database_url, ours("")) == (1, 0)
    async with connected(database_url, name="tests") as connection:
        listed = await list_aliases(connection, "openai")
    assert [one.model for one in listed] == ["gpt-4-turbo", None, "other"]
    assert [one.until for one in listed[:2]] == [one.effective_from for one in listed[1:]]
    for statement in ("UPDATE model_aliases SET model = 'x'", "DELETE FROM model_aliases"):
        with pytest.raises(asyncpg.RestrictViolationError, match="never changed"):
            await fetch(database_url, statement)


def test_commands_add_list_import_and_end_aliases(database_url: str, tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        done = run_command("prices", "alias", *words,
                           values={"DATABASE_URL": database_url}, cwd=tmp_path)  # fmt: skip
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    assert run("list") == (0, "No aliases.")
    assert run("add", "openai", "ours", "gpt-4-turbo") == (
        0,
        "1 aliases added, 0 in force already.",
    )
    head = "service,alias,model\n"
    (tmp_path / "new.csv").write_text(f"{head}openai,ours,gpt-4-turbo\nopenai,theirs,gpt-4-turbo\n")
    assert run("import", "new.csv") == (0, "1 aliases added, 1 in force already.")
    assert run("add", "openai", "theirs")[0] == 0
    code, listed = run("list", "--service", "openai")
    assert code == 0
    assert "openai ours gpt-4-turbo" in listed
    assert "openai theirs (ends)" in listed
    for text, reason in (
        (f"{head}openai,x,unknown\nopenai,gpt-4-turbo,y\n", "x: unknown has no prices"),
        (f"{head}openai,,y\n", "line 2: alias is missing."),
        (f"{head}openai,x\n", "line 2: The row has 2 columns"),
        ("service,alias\n", "model missing"),
    ):
        (tmp_path / "wrong.csv").write_text(text)
        code, output = run("import", "wrong.csv")
        assert (code, reason in output) == (1, True), output
