"""The Outlook page over a real ledger: forecast, anomalies, recommendations."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Response, expect

from tests.browser.anomalies import check_for_anomalies
from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import Plain, charged, cost, ended, started
from tests.support.product_processes import Product, now
from tests.support.recording import fetch, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

DAYS = 20
A_CALL = Decimal("1.47971")
"""A dollar of telephony, 0.035 of infrastructure, and the fee for 4.99: 2.9 % and 0.30."""
LEGS = (
    ("twilio", "outbound_call", "minutes"),
    ("deepgram", "streaming_stt", "minutes"),
    ("cerebras", "inference", "tokens"),
    ("elevenlabs", "tts", "characters"),
)


def call_of(user: str, name: str, at: dict[str, Any], *costs: dict[str, Any]) -> list[Plain]:
    """Return a whole call of five minutes."""
    return [
        started(name, user, **at),
        *(cost(name, user, **at, **one) for one in costs),
        ended(name, user, **at),
    ]


def telephony(usd: str) -> dict[str, Any]:
    return {"usage": 1, "unit": "minutes", "totalCost": usd}


async def recorded(product: Product, user: str, calls: int) -> None:
    """Wait until so many calls of a user are counted and settled."""

    async def are_recorded() -> bool:
        path = f"/api/costs/user/{user}/calls?limit=100"
        found = (await product.ask("GET", path, None, user))["calls"]
        return len(found) == calls and all(one["status"] == "completed" for one in found)

    await until(are_recorded)


def part(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def shown(amount: Decimal) -> str:
    return f"${amount:,.2f}"


def brief(amount: Decimal) -> str:
    if amount >= Decimal("0.0995") or not amount:
        return shown(amount)
    return f"${amount:.2g}"


@asynccontextmanager
async def answers(page: Page, name: str) -> AsyncIterator[dict[str, Any]]:
    """Collect the API's answers of one route on this page, by period."""
    found: dict[str, Any] = {}

    async def take(response: Response) -> None:
        if f"/{name}?" in response.url:
            body = json.loads(await response.text(), parse_float=Decimal, parse_int=Decimal)
            found[body["data"]["period"]] = body["data"]

    page.on("response", take)
    yield found
    page.remove_listener("response", take)


async def test_forecast_is_shown_with_its_interval(open_page: Open, product: Product) -> None:
    budget = b'{"dailyLimit_usd": 4.5, "monthlyLimit_usd": 900000}'
    await product.put("/api/costs/user/una/budget", budget, "una")
    noon = datetime.now(UTC).replace(hour=12, minute=0)
    for days_ago in range(1, DAYS + 1):
        at = {"time": noon - timedelta(days=days_ago)}
        await product.send(*call_of("una", f"una-{days_ago}", at, telephony("1.00")))
    await recorded(product, "una", DAYS)

    async with open_page("/", "una") as page, answers(page, "forecast") as forecasts:
        await page.get_by_role("link", name="Forecast").click()
        chart = page.get_by_role("img", name="Running total of cost")
        await expect(chart.locator("canvas")).to_be_visible()

        async def all_were_answered() -> bool:
            return len(forecasts) == 3

        await until(all_were_answered)
        for period, label in (
            ("daily", "Today's cost (forecast)"),
            ("weekly", "Cost, next 7 days"),
            ("monthly", "Cost, next 30 days"),
        ):
            tile = page.locator(".tile", has_text=label)
            interval = forecasts[period]["costInterval"]
            await expect(tile).to_contain_text(shown(forecasts[period]["forecastedCost"]))
            await expect(tile).to_contain_text(f"{brief(interval['low'])} \N{EN DASH} ")
            await expect(tile).to_contain_text(f" \N{EN DASH} {brief(interval['high'])}")
        # All days are equal, also the coming ones; of today only the rest is forecast.
        assert 29 * A_CALL <= forecasts["monthly"]["forecastedCost"] <= 30 * A_CALL
        await expect(page.get_by_text(f"{DAYS} full days")).to_be_visible()

        month = part(page, "This month")
        await expect(month).to_contain_text(
            shown(forecasts["monthly"]["monthEnd"]["expectedSpend"])
        )
        await expect(month).to_contain_text("Expected on")
        await expect(month).to_contain_text("Not expected this month")
        warnings = page.get_by_role("list", name="Forecast warnings")
        await expect(warnings).to_contain_text("Your daily limit of $4.50 is expected")

        await page.get_by_text("Show as table").click()
        table = page.get_by_role("table", name="Running total of cost")
        await expect(table.get_by_role("row", name=", now")).to_contain_text(shown(DAYS * A_CALL))
        last = table.get_by_role("row").last
        total = DAYS * A_CALL + forecasts["monthly"]["forecastedCost"]
        await expect(last).to_contain_text(shown(total))
        await chart.hover()
        assert not await faults(page)


async def test_first_day_shows_no_forecast(open_page: Open, product: Product) -> None:
    # Recommendations include whole past seconds, so a call may be shown before it counts.
    await product.send(*call_of("ute", "ute-1", now(1), telephony("0.10")))
    await recorded(product, "ute", 1)
    async with open_page("/outlook", "ute") as page:
        await expect(page.get_by_text("The first forecast arrives tomorrow")).to_be_visible()
        await expect(part(page, "Cost to date and forecast")).to_contain_text("$0.58 for 1 call")
        month = part(page, "This month")
        await expect(month).to_contain_text(re.compile(r"\$4\.99\s*Charged,\s+so far in"))
        await expect(month).not_to_contain_text("expected by")
        await expect(page.get_by_text("No savings found")).to_be_visible()
        await expect(page.get_by_text("No anomalies")).to_be_visible()
        assert not await faults(page)


async def test_user_without_calls_sees_no_figures(open_page: Open) -> None:
    async with open_page("/outlook", "uwe") as page:
        await expect(page.get_by_text("The first forecast arrives tomorrow")).to_be_visible()
        await expect(page.get_by_text("No calls to analyze")).to_be_visible()


async def test_recommendations_show_their_basis(open_page: Open, product: Product) -> None:
    tokens = {
        "service": "cerebras",
        "operation": "inference",
        "model": "llama3.1-70b",
        "unit": "tokens",
    }
    for number in range(1, 11):
        used = {**tokens, "usage": 1_000_000 * number}
        name = f"vic-{number}"
        await product.send(*call_of("vic", name, now(60), used), charged(name, "vic", **now(60)))
    await recorded(product, "vic", 10)
    await fetch(
        product.pipeline.database_url,
        "UPDATE service_prices SET retires_on = current_date + 30 WHERE model = 'llama3.1-70b'",
    )
    async with open_page("/outlook", "vic") as page:
        card = part(page, "Savings")
        outdated = card.get_by_role("list", name="Models to replace")
        await expect(outdated).to_contain_text("The cheapest replacement is llama3.1-8b")
        await expect(outdated.get_by_text("Retires")).to_be_visible()
        # 55 million tokens at 0.60 and at 0.10 a million; and nine fixed fees of ten.
        savings = card.get_by_role("list", name="Savings")
        await expect(savings.get_by_role("heading")).to_have_text(
            ["Cheaper model", "Prepaid bundles"]
        )
        await expect(savings).to_contain_text("$27.50")
        await expect(savings).to_contain_text("$2.70")
        await expect(card).to_contain_text("Up to $30.20")
        first = savings.get_by_role("listitem").first
        await first.get_by_text("How we calculated this").click()
        await expect(first).to_contain_text("$33.00 would have been $5.50")
        await expect(first).to_contain_text("10 events of 10 calls: 55,000,000 tokens")
        assert not await faults(page)
        await first.get_by_role("link").first.click()
        await expect(page).to_have_url(f"{product.url}/calls/vic-10")


async def test_anomalies_are_shown(open_page: Open, product: Product) -> None:
    def legs(speech_usd: str, *, without: str = "") -> list[dict[str, Any]]:
        return [
            {
                "service": service,
                "operation": operation,
                "unit": unit,
                "usage": 10,
                "totalCost": speech_usd if service == "elevenlabs" else "0.05",
            }
            for service, operation, unit in LEGS
            if service != without
        ]

    for number in range(12):
        at = now(3_600 * (14 - number))
        await product.send(*call_of("xia", f"xia-{number}", at, *legs("0.10")))
    await product.send(*call_of("xia", "xia-odd", now(600), *legs("5.00", without="twilio")))
    await recorded(product, "xia", 13)
    url = product.pipeline.database_url
    await check_for_anomalies(url, ["xia-odd"])

    async with open_page("/outlook", "xia") as page:
        listed = part(page, "Anomalies").get_by_role("listitem")
        await expect(listed).to_have_count(2)
        expensive = listed.filter(has_text="Unusually expensive ElevenLabs call")
        await expect(expensive).to_contain_text("$5.00 actual")
        await expect(expensive).to_contain_text("$0.10 usual")
        leg = listed.filter(has_text="Missing telephony cost")
        await expect(leg).to_contain_text("$0.00 actual")
        await expect(leg.get_by_text("Open", exact=True)).to_be_visible()
        assert not await faults(page)

        await product.send(cost("xia-odd", "xia", **now(500), **telephony("0.05")))
        await until_called(product, "xia-odd", "twilio")
        await check_for_anomalies(url, ["xia-odd"])
        await page.reload()
        await expect(leg.get_by_text("Resolved", exact=True)).to_be_visible()
        await expect(expensive.get_by_text("Open", exact=True)).to_be_visible()
        await expensive.get_by_role("link", name="Call xia-odd").click()
        await expect(page).to_have_url(f"{product.url}/calls/xia-odd")

    async with open_page("/everyone", "boss", role="admin") as page:
        found = part(page, "Anomalies").get_by_role("listitem")
        await expect(found.filter(has_text="Unusually expensive")).to_contain_text("xia")
        await found.first.get_by_role("link", name="xia", exact=True).click()
        await expect(page.get_by_role("heading", level=1, name="Forecast: xia")).to_be_visible()


async def until_called(product: Product, call: str, service: str) -> None:
    """Wait until a call has a cost of a service."""

    async def is_recorded() -> bool:
        found = await product.ask("GET", f"/api/costs/call/{call}", None, "boss", "admin")
        return Decimal(found["costByService"].get(service, 0)) > 0

    await until(is_recorded)


async def test_failed_load_can_be_retried(open_page: Open) -> None:
    async with open_page("/", "zoe") as page:
        await page.route("**/recommendations", lambda route: route.abort())
        await page.get_by_role("link", name="Forecast").click()
        card = part(page, "Savings")
        await expect(card.get_by_text("Couldn't load this.")).to_be_visible()
        await expect(page.get_by_text("The first forecast arrives tomorrow")).to_be_visible()
        await page.unroute("**/recommendations")
        await card.get_by_role("button", name="Try again").click()
        await expect(card.get_by_text("No calls to analyze")).to_be_visible()
