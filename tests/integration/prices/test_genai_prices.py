"""Costs at the prices of genai-prices are what that library computes, to the nano-dollar."""

import json
import random
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from cost_analytics.cli import main
from ledger.postgres.database import connected
from ledger.prices.catalogue import Catalogue, Price
from ledger.prices.entry import enter_prices
from ledger.prices.rows import PriceRow
from schemas.events import PriceContext
from schemas.money import NANO_PER_USD, half_even
from streams.prices.genai_source import GenAiPrices
from tests.support import parts
from tests.support.command import run_command
from tests.support.events import Plain, cost
from tests.support.genai import genai_library
from tests.support.recording import BatchWriter, TopicLog, assert_verified, fetch
from tests.unit.prices.test_genai_prices import CLAUDE, provider

MODELS = 500
USAGES_OF_A_MODEL = 4
SEED = 20
NOW = datetime.now(UTC).replace(microsecond=0)

LIBRARY_COUNTS = {
    "input_tokens": ("input_tokens", "cached_input_tokens", "cache_write_tokens",
                     "cache_write_1h_tokens", "input_audio_tokens", "cached_input_audio_tokens"),
    "cache_read_tokens": ("cached_input_tokens", "cached_input_audio_tokens"),
    "cache_write_tokens": ("cache_write_tokens", "cache_write_1h_tokens"),
    "cache_write_5m_tokens": ("cache_write_tokens",),
    "cache_write_1h_tokens": ("cache_write_1h_tokens",),
    "input_audio_tokens": ("input_audio_tokens", "cached_input_audio_tokens"),
    "cache_audio_read_tokens": ("cached_input_audio_tokens",),
    "cache_audio_write_tokens": (),
    "output_tokens": ("output_tokens", "reasoning_tokens", "output_audio_tokens"),
    "output_reasoning_tokens": ("reasoning_tokens",),
    "output_audio_tokens": ("output_audio_tokens",),
    "output_audio_reasoning_tokens": (),
    "input_characters": ("characters",),
    "audio_seconds": ("audio_seconds",),
    "input_audio_seconds": ("audio_seconds",),
    "input_text_messages": ("messages",),
    "web_searches": ("searches",),
}  # fmt: skip
"""The inclusive counts of the library, each with the disjoint units that it contains."""

CONTEXTS = {"batch": "processing", "flex": "service_tier", "priority": "service_tier"}


class Request(NamedTuple):
    """A request to a model: its quantities, tier and time."""

    service: str
    operation: str
    model: str
    quantities: dict[str, int]
    tier: str
    time: datetime

    def event(self, number: int) -> Plain:
        usages = [{"unit": unit, "quantity": count} for unit, count in self.quantities.items()]
        fields = {"service": self.service, "operation": self.operation, "model": self.model}
        context = {"priceContext": {"tier": self.tier}} if self.tier else {}
        return cost(f"call-{number % 50}", f"user-{number % 50}", usage=None, unit=None,
                    usages=usages, id=f"request-{number}", time=self.time, **fields, **context)  # fmt: skip

    def library_price(self) -> Decimal:
        """Return the unrounded price of the library."""
        counts = {
            name: sum(self.quantities.get(unit, 0) for unit in units)
            for name, units in LIBRARY_COUNTS.items()
        }
        library = genai_library()
        price: Decimal = library.calc_price(
            library.Usage(**counts),
            self.model,
            provider_id=self.service,
            genai_request_timestamp=self.time,
            price_context={CONTEXTS[self.tier]: self.tier} if self.tier else None,
        ).total_price
        return price


def is_found(name: tuple[str, str, str]) -> bool:
    """Return whether the library finds a model by its id; some it finds by other names only."""
    service, _, model = name
    library = genai_library()
    try:
        library.calc_price(library.Usage(), model, provider_id=service)
    except LookupError:
        return False
    return True


def random_requests(rows: list[PriceRow]) -> list[Request]:
    """Return requests to random models, now and in the past year, in the tiers that have prices."""
    choose = random.Random(SEED)
    models: dict[tuple[str, str, str], list[PriceRow]] = {}
    for row in rows:
        models.setdefault((row.service, row.operation, row.model), []).append(row)
    requests = []
    for model in choose.sample([name for name in sorted(models) if is_found(name)], MODELS):
        of_model = models[model]
        for number in range(USAGES_OF_A_MODEL):
            time = NOW - timedelta(minutes=choose.randrange(1, 380 * 24 * 60)) * (number % 2)
            tiers: dict[str, set[str]] = {}
            for row in of_model:
                if row.effective_from <= time:
                    tiers.setdefault(row.conditions.tier, set()).add(row.unit)
            tier = choose.choice(sorted(set(tiers) & {"", *CONTEXTS}))
            units = sorted(tiers[tier])
            some = {"requests", *choose.sample(units, choose.randint(1, len(units)))} & {*units}
            quantities = {unit: choose.randrange(1, 10 ** choose.randint(1, 6)) for unit in some}
            # The library counts one request whether there is a price for it or not.
            quantities |= {"requests": 1} if "requests" in some else {}
            requests.append(Request(*model, quantities, tier, time))
    return requests


def exact_usd(usages: list[Mapping[str, Any]], prices: Mapping[int, PriceRow]) -> Fraction:
    """Return the unrounded cost of stored quantities."""
    amounts = [
        Fraction(usage["quantity"]) * Fraction(price.price_usd) / price.per_units
        for usage in usages
        for price in [prices[usage["price_id"]]]
    ]
    rounded = [half_even((amount * NANO_PER_USD).numerator, (amount * NANO_PER_USD).denominator)
               for amount in amounts]  # fmt: skip
    assert rounded == [usage["cost_nano"] for usage in usages]
    return sum(amounts, Fraction(0))


async def test_500_models_cost_what_the_library_computes(database_url: str) -> None:
    genai_library()
    found = GenAiPrices(name="genai-prices").read(b"", NOW)
    assert found.models > 2_000
    async with connected(database_url, name="tests") as connection:
        entered = await enter_prices(connection, found.rows, set_by="test", from_source=True)
        assert (entered.pending, entered.contradicting) == ([], 0)
    requests = random_requests(found.rows)
    log = TopicLog()
    async with BatchWriter(database_url) as writer:
        numbered = iter(enumerate(requests))
        while part := list(islice(numbered, 1_000)):
            await writer.record(log.batch([request.event(number) for number, request in part]))
        assert writer.letters == []
    stored = await fetch(
        database_url,
        "SELECT event_id, cost_nano, usages::text AS usages FROM call_cost_events"
        " WHERE event_id LIKE 'request-%'",
    )
    rows = await fetch(database_url, "SELECT * FROM service_prices")
    prices = {row["price_id"]: PriceRow.from_stored(row) for row in rows}
    difference_nano, unrounded = 0, Fraction(0)
    for row in stored:
        request = requests[int(row["event_id"].removeprefix("request-"))]
        expected = Fraction(request.library_price())
        usages = json.loads(row["usages"], parse_float=Decimal)
        exact = exact_usd(usages, prices)
        difference_nano += row["cost_nano"] - sum(usage["cost_nano"] for usage in usages)
        unrounded += abs(exact - expected)
    parts.figures.append(
        f"genai-prices: {MODELS} models, {len(stored)} requests, difference {difference_nano}"
        f" nano-dollars after rounding, {float(unrounded)} USD before it"
    )
    assert len(stored) == len(requests) == MODELS * USAGES_OF_A_MODEL
    assert difference_nano == 0
    assert unrounded < Fraction(1, 10**20)  # the library divides hours with 28 digits
    await assert_verified(database_url)


async def test_the_names_of_the_list_have_the_price_of_the_library() -> None:
    """Names are resolved by rows and spellings: all that the list has as texts, and common forms."""
    library = genai_library()
    rows = GenAiPrices(name="genai-prices").read(b"", NOW).rows
    prices = [Price(number, *row[:8], row.conditions) for number, row in enumerate(rows)]
    catalogue = Catalogue(prices)
    operations: dict[str, set[str]] = {}
    for row in rows:
        operations.setdefault(row.service, set()).add(row.operation)
    compared, different = 0, []
    for service in import_module("genai_prices.data").providers:
        for model in service.models:
            for name in names_in(model.match):
                try:
                    calculated = library.calc_price(
                        library.Usage(input_tokens=10**6),
                        name,
                        provider_id=service.id,
                        genai_request_timestamp=NOW,
                    )
                except LookupError:
                    continue
                if calculated.model is not model or calculated.model_price.input_mtok is None:
                    continue
                tariffs = [
                    catalogue.tariff(service.id, operation, name, "input_tokens")
                    for operation in operations.get(service.id, ())
                ]
                found = {
                    rate for one in tariffs if (rate := one.at(NOW, PriceContext(input_size=10**6)))
                }
                nanos = {rate.cost_nano(10**6) for rate in found}
                compared += 1
                if nanos != {
                    half_even(*(calculated.input_price * NANO_PER_USD).as_integer_ratio())
                }:
                    different.append((service.id, name, nanos, calculated.input_price))
    parts.figures.append(f"genai-prices: {compared} names, {len(different)} with another price")
    assert compared > 2_900
    assert different == []


def names_in(match: Any) -> Iterator[str]:
    """Yield the names that a rule of the library has as a whole."""
    if hasattr(match, "or_"):
        for one in match.or_:
            yield from names_in(one)
    elif hasattr(match, "equals"):
        yield match.equals


def test_a_load_is_previewed_and_repeated_without_changes(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "data.json").write_text(json.dumps([provider("anthropic", CLAUDE)]))

    def load(*words: str) -> str:
        done = run_command("prices", "load", "genai-prices", *words,
                           values={"DATABASE_URL": database_url}, cwd=tmp_path)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return str(done.stdout)

    assert "0 would be verified, 12 added, 0 would need approval." in load("data.json", "--dry-run")
    assert "12 prices added, 0 verified." in load("data.json")
    assert "0 prices added, 12 verified." in load("data.json")
    changed = json.dumps([provider("anthropic", CLAUDE)]).replace(
        '"output_mtok": 25', '"output_mtok": 60'
    )
    (tmp_path / "data.json").write_text(changed)
    preview = load("data.json", "--dry-run")
    assert "1 would need approval." in preview
    assert "1 earlier prices differ from those of the catalogue" in preview
    assert "+140.00%" in preview
    assert "10 verified" in load("data.json", "--from", "2026-11-01")


def test_without_the_extra_the_command_says_how_to_install_it(
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    for name in ("genai_prices", "genai_prices.data", "genai_prices.update_prices"):
        monkeypatch.setitem(sys.modules, name, None)
    for words in ((), ("--update",)):
        assert main(["prices", "load", "genai-prices", *words]) == 1
        assert "pip install 'cost-analytics[genai-prices]'" in capsys.readouterr().err
    assert main(["prices", "load", "litellm"]) == 2
    assert main(["prices", "load", "genai-prices", "data.json", "--update"]) == 2
