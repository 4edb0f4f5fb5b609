"""The page of the API document: readable without a token, usable when signed in."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

SPENDING = "Get a user's spending"


async def open_all(page: Page) -> int:
    """Open every operation; returns their number."""
    await expect(page.get_by_role("heading", name="Spending", exact=True)).to_be_visible()
    await page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    lines = page.get_by_role("region", name="Shell command")
    await expect(lines.last).to_be_visible()
    return await lines.count()


async def test_page_needs_no_token(open_page: Open) -> None:
    async with open_page("/docs") as page:
        operations = await page.evaluate(
            "fetch('/openapi.json').then((answer) => answer.json())"
            ".then(({ paths }) => Object.values(paths).flatMap(Object.keys).length)"
        )
        assert await open_all(page) == operations > 30
        assert not await faults(page)
        asleep = page.get_by_role("button", name="Send", exact=True).first
        await expect(asleep).to_be_disabled()
        health = page.locator("#getHealth")
        await health.get_by_role("button", name="Send", exact=True).click()
        await expect(health.get_by_role("region", name="Response")).to_contain_text('"ok"')
        await page.get_by_role("link", name="Sign in", exact=True).first.click()
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()


async def test_page_fits_a_phone_in_dark_mode(open_page: Open) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    async with open_page("/docs", color_scheme="dark", **phone) as page:
        await open_all(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert not await faults(page)


async def test_request_uses_the_token_of_the_session(open_page: Open) -> None:
    async with open_page("/docs", "alice") as page:
        await page.get_by_text(SPENDING).click()
        operation = page.locator("#getSpending")
        await expect(operation.get_by_label("userId")).to_have_value("alice")
        await operation.get_by_label("period").select_option("7d")
        line = await operation.get_by_role("region", name="Shell command").inner_text()
        assert line.endswith("/api/costs/user/alice/spending?period=7d'")
        assert "Bearer $TOKEN" in line
        await operation.get_by_role("button", name="Send", exact=True).click()
        body = await operation.get_by_role("region", name="Response").inner_text()
        assert json.loads(body)["data"]["period"]["label"] == "Last 7 days"
        await operation.get_by_label("userId").fill("bob")
        await operation.get_by_role("button", name="Send", exact=True).click()
        await expect(operation.get_by_text("403", exact=True).last).to_be_visible()


async def test_request_body_is_sent_as_entered(open_page: Open) -> None:
    async with open_page("/", "dora") as page:
        await page.goto("/docs#changeBudget")
        operation = page.locator("#changeBudget")
        await operation.get_by_label("Body").fill('{"dailyLimit_usd": 12.000000001}')
        await operation.get_by_role("button", name="Send", exact=True).click()
        response = operation.get_by_role("region", name="Response")
        await expect(response).to_contain_text('"dailyLimit_usd": 12.000000001')


async def test_operations_can_be_searched(open_page: Open) -> None:
    async with open_page("/docs") as page:
        await page.get_by_label("Search").fill("delete channel")
        await expect(page.locator("details")).to_have_count(2)  # a user's, the administrators'
        await page.get_by_label("Search").fill("no such thing")
        await expect(page.get_by_text("No matches")).to_be_visible()


async def test_dashboard_links_to_the_page(open_page: Open) -> None:
    async with open_page("/budget", "alice") as page:
        await page.get_by_role("link", name="API", exact=True).click()
        await expect(page.get_by_role("heading", name="API", exact=True)).to_be_visible()
