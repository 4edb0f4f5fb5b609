"""The periods of the dashboard: UTC days, their difference to the period before, and today so far."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.support.events import cost, started
from tests.support.product_processes import Product
from tests.support.recording import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

USD_BY_DAYS_AGO = {0: 3, 1: 2, 6: 1, 7: 10, 13: 4}
"""Each call costs 0.035 USD of infrastructure in addition."""

TRANSITIONS = """
([first, last]) => {
  // Counts changes of colour down the middle of the bar at a fraction of the plot's width.
  const canvas = document.querySelector('[aria-label="Daily cost by service"] canvas');
  const context = canvas.getContext('2d');
  const changes = (fraction) => {
    const left = 52 * devicePixelRatio, right = 12 * devicePixelRatio;
    const x = Math.round(left + fraction * (canvas.width - left - right));
    const { data } = context.getImageData(x, 0, 1, canvas.height);
    let found = 0;
    for (let at = 4; at < data.length; at += 4)
      if (Math.abs(data[at] - data[at - 4]) + Math.abs(data[at + 1] - data[at - 3]) > 60) found += 1;
    return found;
  };
  return [changes(first), changes(last)];
}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product_with_days(product: Product) -> AsyncIterator[Product]:
    """The product, with a call of ned at the start of some days."""
    today = datetime.combine(datetime.now(UTC).date(), time(tzinfo=UTC))
    for days_ago, usd in USD_BY_DAYS_AGO.items():
        name, at = f"ned-{days_ago}", {"time": today - timedelta(days=days_ago)}
        await product.send(started(name, "ned", **at), cost(name, "ned", totalCost=f"{usd}", **at))

    async def is_there() -> bool:
        listed = await product.ask("GET", "/api/costs/user/ned/calls", None, "ned")
        return len(listed["calls"]) == len(USD_BY_DAYS_AGO)

    await until(is_there)
    yield product


def tile(page: Page, label: str) -> Locator:
    return page.locator(".tile").filter(has=page.get_by_text(label, exact=True))


async def choose(page: Page, name: str) -> None:
    await page.get_by_role("radio", name=name, exact=True).check()


async def shown_days(page: Page) -> int:
    """Return the number of days in the table of the chart."""
    table = page.get_by_role("table", name="Daily cost by service (days in UTC)")
    if not await table.is_visible():
        await page.get_by_text("Show as table").click()
    await expect(table).to_be_visible()
    return await table.get_by_role("row").count() - 1


@pytest.mark.usefixtures("product_with_days")
async def test_seven_days_are_seven_days_and_today_is_one(open_page: Open) -> None:
    async with open_page("/spending?period=7d", "ned") as page:
        await expect(tile(page, "Cost")).to_contain_text("$6.11")
        assert await shown_days(page) == 7
        await choose(page, "Today")
        await expect(tile(page, "Cost")).to_contain_text("$3.04")
        assert await shown_days(page) == 1
        await choose(page, "30 days")
        await expect(tile(page, "Calls")).to_contain_text("5")
        assert await shown_days(page) == 30


@pytest.mark.usefixtures("product_with_days")
async def test_tiles_show_the_difference_to_the_period_before(open_page: Open) -> None:
    async with open_page("/spending?period=today", "ned") as page:
        await expect(tile(page, "Cost")).to_contain_text("+49% from $2.04")
        await expect(tile(page, "Calls")).to_contain_text("0% from 1")
        await expect(page.get_by_text("Compared with")).to_contain_text("(UTC)")
        await choose(page, "90 days")
        await expect(page.get_by_text("No costs to compare with")).to_be_visible()
        await expect(tile(page, "Cost").locator(".change")).to_have_count(0)
    # Seven days up to today are the month so far on the seventh: these end yesterday.
    today = datetime.now(UTC).date()
    days = f"{today - timedelta(days=7)}..{today - timedelta(days=1)}"
    async with open_page(f"/spending?period={days}", "ned") as page:
        await expect(tile(page, "Cost")).to_contain_text("+225% from $4.04")


@pytest.mark.usefixtures("product_with_days")
async def test_today_is_hatched_and_days_that_are_over_are_not(open_page: Open) -> None:
    async with open_page("/spending?period=7d", "ned") as page:
        await expect(page.get_by_text("Today, so far (UTC)")).to_be_visible()
        # The first and the last of seven bars: six days ago, and today.
        whole, partial = await page.evaluate(TRANSITIONS, [1 / 14, 13 / 14])
        assert partial > whole + 6, (partial, whole)
        await page.get_by_text("Show as table").click()
        await expect(page.get_by_role("rowheader", name="so far")).to_have_count(1)
        await choose(page, "Last month")
        await expect(page.get_by_text("so far")).to_have_count(0)


async def test_budget_names_its_own_time_zone(open_page: Open, product: Product) -> None:
    body = b'{"dailyLimit_usd": 10, "timezone": "Europe/Vienna"}'
    await product.put("/api/costs/user/olga/budget", body, "olga")
    async with open_page("/", "olga") as page:
        await expect(page.get_by_text("time zone Europe/Vienna")).to_be_visible()
