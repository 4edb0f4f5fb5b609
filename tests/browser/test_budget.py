"""The budget in a browser over the real product: its money, its form and its forecast."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import cost, started
from tests.support.product_processes import Product, now

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]


def part(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


async def test_bars_and_forecast_agree_and_name_the_money(
    open_page: Open, product: Product
) -> None:
    body = b'{"dailyLimit_usd": 300, "monthlyLimit_usd": 900000, "alertThreshold_percent": 100}'
    await product.put("/api/costs/user/ora/budget", body, "ora")
    async with open_page("/", "ora") as page:
        await expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        # One call that is charged 4.99 a minute reaches 300 in an hour.
        await product.send(
            started("ora-1", "ora", expectedDuration_seconds=60, **now()),
            cost("ora-1", "ora", **now()),
        )
        await expect(page.get_by_role("list", name="Active calls")).to_contain_text("$0.049")
        await expect(page.locator(".tile", has_text="Charged today")).to_contain_text("$0.00")
        await page.reload()
        pace = re.compile("On pace to hit 100% in (1 h|[56][0-9] min)")
        bars = part(page, "Budget")
        await expect(bars).to_contain_text("Charged today")
        await expect(bars).to_contain_text("Charged this month")
        await expect(bars).to_contain_text("Charged is what you pay for your calls")
        await expect(bars).to_contain_text(pace)
        assert not await faults(page)
        await page.get_by_role("link", name="Forecast").click()
        month = part(page, "This month")
        await expect(month).to_contain_text(re.compile(r"Charged,\s+so far in"))
        await expect(month).to_contain_text(pace)
        await expect(month).not_to_contain_text("Not expected in the next 30 days")
        assert not await faults(page)
