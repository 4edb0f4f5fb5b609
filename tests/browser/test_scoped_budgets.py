"""Scoped budgets in a browser: created, shown as bars, raised and deleted."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import charged, started
from tests.support.product_processes import Product, now

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]


def part(page: Page) -> Locator:
    return page.get_by_role("region", name="Scoped budgets", exact=True)


async def test_budget_of_a_tag_is_created_raised_and_deleted(
    open_page: Open, product: Product
) -> None:
    tags = {"customer": "acme"}
    await product.send(
        started("zoe-1", "zoe", tags=tags, **now(5)),
        charged("zoe-1", "zoe", tags=tags, amount=9, **now(1)),
    )
    async with open_page("/budget", "zoe") as page:
        card = part(page)
        await expect(card).to_contain_text("No scoped budgets")
        await card.get_by_role("button", name="Add a budget").click()
        await card.get_by_role("button", name="Create budget").click()
        await expect(card).to_contain_text("Enter the key of a tag")
        await expect(card).to_contain_text("Enter a limit.")
        assert not await faults(page)
        await card.get_by_label("Tag", exact=True).fill("customer")
        await card.get_by_label("Value").fill("acme")
        await card.get_by_label("Period").select_option("week")
        await card.get_by_label("Limit (USD)", exact=True).fill("$10")
        await card.get_by_role("button", name="Create budget").click()
        meter = card.get_by_role("meter", name="customer: acme, this week: share of the limit used")
        await expect(meter).to_have_attribute("aria-valuenow", "90")
        await expect(card).to_contain_text("$9.00")
        alerts = page.get_by_role("region", name="Recent alerts", exact=True)
        await expect(alerts).to_contain_text("Weekly limit of $10.00 for customer: acme")
        assert not await faults(page)
        await card.get_by_role("button", name="Edit or raise customer: acme, this week").click()
        await card.get_by_label("Raised limit (USD)").fill("20")
        until = datetime.now(UTC) + timedelta(days=2)
        await card.get_by_label("Raised until").fill(until.strftime("%Y-%m-%dT%H:%M"))
        await card.get_by_role("button", name="Save budget").click()
        await expect(card).to_contain_text("of $20.00")
        await expect(card).to_contain_text("then $10.00")
        assert not await faults(page)
        await card.get_by_role("button", name="Delete customer: acme, this week").click()
        await card.get_by_role("button", name="Delete", exact=True).click()
        await expect(card).to_contain_text("No scoped budgets")
        await expect(alerts).to_contain_text("Weekly limit of $10.00 for customer: acme")
