"""The day chart: its legend, its groups and its scale; costs are listed by amount."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.support.events import Plain, cost, ended, started
from tests.support.product_processes import Product
from tests.support.recording import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

INFRASTRUCTURE = ["Raindrop", "Vultr", "Vercel"]
COSTS = {"twilio": "0.02", "deepgram": "3", "elevenlabs": "0.4", "acme": "0.05"}


def call(user: str, persona: str, days_ago: int, factor: int) -> list[Plain]:
    """Return a call with costs of four services."""
    name = f"{user}-{persona}-{days_ago}"
    at = {"time": datetime.now(UTC) - timedelta(days=days_ago)}
    costs = [
        cost(
            name,
            user,
            service=service,
            operation="use",
            totalCost=f"{float(usd) * factor:.4f}",
            **at,
        )
        for service, usd in COSTS.items()
    ]
    return [started(name, user, persona=persona, **at), *costs, ended(name, user, **at)]


async def write_calls(product: Product, user: str) -> None:
    """Write three calls with two personas, one of them far more expensive."""
    calls = [("brad_001", 3, 1), ("sarah_001", 3, 2), ("brad_001", 2, 100)]
    await product.send(*(event for one in calls for event in call(user, *one)))

    async def are_counted() -> bool:
        spending = await product.ask("GET", f"/api/costs/user/{user}/spending", None, user)
        return bool(spending["totalCalls"] == len(calls))

    await until(are_counted)


async def test_day_chart_is_grouped_filtered_and_scaled(product: Product, open_page: Open) -> None:
    await write_calls(product, "dora")
    async with open_page("/spending", "dora") as page:
        legend = page.get_by_role("list", name="Shown in the chart")
        names = legend.get_by_role("button")
        await expect(names).to_have_text(
            ["Deepgram", "ElevenLabs", "Acme", "Twilio", "Stripe", *INFRASTRUCTURE],
            use_inner_text=True,
        )
        chart = page.get_by_role("img", name="Daily cost by service").locator("canvas")
        before = await chart.evaluate("canvas => canvas.toDataURL()")

        deepgram = legend.get_by_role("button", name="Deepgram")
        await deepgram.click()
        await expect(deepgram).to_have_attribute("aria-pressed", "false")
        assert await chart.evaluate("canvas => canvas.toDataURL()") != before
        await deepgram.click()
        await expect(deepgram).to_have_attribute("aria-pressed", "true")

        await page.get_by_role("radio", name="Log", exact=True).check()
        await expect(page).to_have_url(f"{product.url}/spending?scale=log")
        axis = await chart.evaluate("canvas => canvas.toDataURL()")
        assert axis != before

        await page.get_by_role("radio", name="By persona").check()
        await expect(names).to_have_text(["Brad", "Sarah"], use_inner_text=True)
        await page.reload()
        await expect(names).to_have_text(["Brad", "Sarah"], use_inner_text=True)
        await expect(page.get_by_role("radio", name="Log", exact=True)).to_be_checked()


async def test_services_are_listed_by_cost_with_equal_decimals(
    product: Product, open_page: Open
) -> None:
    await write_calls(product, "emil")
    async with open_page("/spending", "emil") as page:
        card = page.get_by_role("region", name="Cost by service")
        await expect(card.locator(".amount")).to_have_count(8)
        amounts = await card.locator(".amount").all_inner_texts()
        assert {len(text.partition(".")[2]) for text in amounts} == {2}
        values = [float(text.replace("<", "").removeprefix("$")) for text in amounts]
        assert values == sorted(values, reverse=True)


async def test_active_call_has_no_margin_yet(product: Product, open_page: Open) -> None:
    now = {"time": datetime.now(UTC)}
    await product.send(
        started("open-call", "fay", **now), cost("open-call", "fay", totalCost="0.5", **now)
    )

    async def is_counted() -> bool:
        listed = await product.ask("GET", "/api/costs/user/fay/calls", None, "fay")
        return any(one["callId"] == "open-call" for one in listed["calls"])

    await until(is_counted)
    async with open_page("/calls/open-call", "fay") as page:
        tile = page.locator(".tile").filter(has_text="Margin")
        await expect(tile.locator(".value")).to_have_text("\N{EN DASH}")
