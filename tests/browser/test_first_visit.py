"""The first visit: what the product is, how to sign in, first steps; keyboard and copying."""

from datetime import UTC, datetime

import pytest
from playwright.async_api import expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import cost, started
from tests.support.product_processes import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

COPIED = "navigator.clipboard.readText()"


async def test_stranger_learns_what_this_is_and_how_to_get_in(open_page: Open) -> None:
    async with open_page("/", None) as page:
        await expect(page.get_by_role("heading", name="Cost Analytics")).to_be_visible()
        await expect(page.get_by_text("Ask your administrator for a link")).to_be_visible()
        await expect(page.get_by_role("img", name="An example: the cost of a call")).to_be_visible()
        await page.get_by_role("link", name="documentation").click()
        await expect(page).to_have_title("API · Cost Analytics")
        await expect(page.get_by_text("Get a user's spending")).to_be_visible()


async def test_user_without_calls_sees_first_steps_until_the_first_call(
    open_page: Open, product: Product
) -> None:
    user = "gus o'hara"
    async with open_page("/", user) as page:
        steps = page.get_by_role("list", name="First steps")
        await expect(steps.get_by_role("listitem")).to_have_count(3)
        assert not await faults(page)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.get_by_role("button", name="Copy command").click()
        command = await page.evaluate(COPIED)
        assert command.startswith(f"curl {product.url}/api/costs/track")
        assert "gus o'\\''hara" in command
        at = {"time": datetime.now(UTC)}
        await product.send(started("first", user, **at), cost("first", user, **at))
        await expect(page.get_by_role("list", name="Active calls")).to_be_visible()
        await expect(steps).to_have_count(0)


async def test_keyboard_opens_pages_searches_and_lists_itself(open_page: Open) -> None:
    async with open_page("/", "admin", role="admin") as page:
        await expect(page.get_by_role("heading", name="Live")).to_be_visible()
        await page.keyboard.press("/")
        search = page.get_by_role("combobox", name="Find a user")
        await expect(search).to_be_focused()
        await page.keyboard.type("gs?")
        await expect(search).to_have_value("gs?")
        await search.fill("")
        await page.get_by_role("heading", name="Live").focus()
        await page.keyboard.type("?")
        dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
        await expect(dialog).to_contain_text("Open Prices")
        assert not await faults(page)
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await page.keyboard.type("gb")
        await expect(page.get_by_role("heading", name="Budget", exact=True)).to_be_visible()
        await page.keyboard.type("gl")
        await expect(page.get_by_role("heading", name="Live")).to_be_visible()


async def test_call_id_is_copied(open_page: Open, product: Product) -> None:
    at = {"time": datetime.now(UTC)}
    await product.send(started("copied-call", "hal", **at), cost("copied-call", "hal", **at))
    async with open_page("/", "hal") as page:
        await page.get_by_role("list", name="Active calls").get_by_role("link").click()
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.get_by_role("button", name="Copy call ID").click()
        assert await page.evaluate(COPIED) == "copied-call"
