"""Budgets of all users in an administrator's browser: created, shown as bars with alerts, deleted."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import charged, cost, started
from tests.support.product_processes import Product, now

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]


def part(page: Page) -> Locator:
    return page.get_by_role("region", name="Budgets of all users", exact=True)


async def test_budget_of_a_service_is_created_and_deleted_by_an_administrator(
    open_page: Open, product: Product
) -> None:
    await product.send(
        cost("of-yan", "yan", totalCost=60, service="deepgram", **now(5)),
        cost("of-zed", "zed", totalCost=35, service="deepgram", **now(4)),
        charged("of-zed", "zed", amount=4, **now(1)),
    )
    async with open_page("/everyone", "boss", role="admin") as page:
        card = part(page)
        await expect(card).to_contain_text("No budgets of all users")
        await card.get_by_role("button", name="Add a budget").click()
        await card.get_by_label("Applies to").select_option("A service")
        await card.get_by_role("button", name="Create budget").click()
        await expect(card).to_contain_text("Enter a service, such as twilio.")
        await expect(card).to_contain_text("Enter a limit.")
        await expect(card.get_by_label("Period").get_by_role("option")).to_have_text(
            ["Day (UTC)", "Week, from Monday (UTC)", "Month (UTC)"]
        )
        assert not await faults(page)
        await card.get_by_label("Service", exact=True).fill("Deepgram")
        await card.get_by_label("Limit (USD)", exact=True).fill("100")
        await card.get_by_role("button", name="Create budget").click()
        name = "Deepgram, this month"
        meter = card.get_by_role("meter", name=f"{name}: share of the limit used")
        await expect(meter).to_have_attribute("aria-valuenow", "95")
        await expect(card).to_contain_text("$95.00 of $100.00")
        await expect(card).to_contain_text("Deepgram has cost $95.00 this month")
        await expect(card).to_contain_text("80% of monthly limit for Deepgram used")
        assert not await faults(page)
        if folder := os.environ.get("SCREENSHOTS"):
            await card.screenshot(path=Path(folder) / "global-budgets.png")
        await card.get_by_role("button", name=f"Delete {name}").click()
        await card.get_by_role("button", name="Delete", exact=True).click()
        await expect(card).to_contain_text("No budgets of all users")
        await expect(card).to_contain_text("Deepgram has cost $95.00 this month")


async def test_budget_of_a_tag_over_all_users_is_created_by_an_administrator(
    open_page: Open, product: Product
) -> None:
    tags = {"customer": "acme"}
    await product.send(
        started("tag-yan", "yan", tags=tags, **now(5)),
        charged("tag-yan", "yan", amount=50, **now(3)),
        started("tag-zed", "zed", tags=tags, **now(4)),
        charged("tag-zed", "zed", amount=40, **now(2)),
    )
    async with open_page("/everyone", "boss", role="admin") as page:
        card = part(page)
        await card.get_by_role("button", name="Add a budget").click()
        await card.get_by_label("Applies to").select_option("Calls with a tag")
        await card.get_by_role("button", name="Create budget").click()
        await expect(card).to_contain_text("Enter the key of a tag, such as customer.")
        await expect(card).to_contain_text("Enter the tag's value.")
        await card.get_by_label("Tag", exact=True).fill("customer")
        await card.get_by_label("Value", exact=True).fill("acme")
        await card.get_by_label("Limit (USD)", exact=True).fill("100")
        assert not await faults(page)
        await card.get_by_role("button", name="Create budget").click()
        name = "customer: acme, this month"
        meter = card.get_by_role("meter", name=f"{name}: share of the limit used")
        await expect(meter).to_have_attribute("aria-valuenow", "90", timeout=30_000)
        await expect(card).to_contain_text("$90.00 of $100.00")
        await expect(card).to_contain_text("All users have been charged $90.00 this month")
        assert not await faults(page)
        if folder := os.environ.get("SCREENSHOTS"):
            await card.screenshot(path=Path(folder) / "tag-budgets.png")
        await card.get_by_role("button", name=f"Delete {name}").click()
        await card.get_by_role("button", name="Delete", exact=True).click()
        await expect(card).not_to_contain_text("customer: acme, this month")


async def test_users_see_no_budgets_of_all_users(open_page: Open) -> None:
    async with open_page("/budget", "yan") as page:
        await expect(page.get_by_role("region", name="Scoped budgets", exact=True)).to_be_visible()
        await expect(part(page)).to_have_count(0)
