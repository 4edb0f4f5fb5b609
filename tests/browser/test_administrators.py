"""An administrator's questions: who and what costs the most, and what one user spends."""

import re
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import cost, ended, started
from tests.support.product_processes import Product, now
from tests.support.recording import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

SOON_MS = 15_000
CALLS = (
    ("alice", "brad_001", "12.5"),
    ("alice", "coach_lee_001", "2.25"),
    ("malice", "brad_001", "40"),
    ("bob", "coach_lee_001", "7"),
)
"""User, persona and cost of telephony of completed calls."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product_with_users(product: Product) -> AsyncIterator[Product]:
    """The product with the calls above."""
    for number, (user, persona, usd) in enumerate(CALLS):
        name = f"of-{user}-{number}"
        await product.send(
            started(name, user, persona=persona, **now()),
            cost(name, user, totalCost=usd, **now()),
            ended(name, user, **now()),
        )

    async def are_counted() -> bool:
        return [await calls_of(product, user) for user in ("alice", "malice", "bob")] == [2, 1, 1]

    await until(are_counted)
    yield product


async def calls_of(product: Product, user: str) -> int:
    path = f"/api/costs/user/{user}/calls?status=completed"
    return len((await product.ask("GET", path, None, "boss", "admin"))["calls"])


async def heading(page: Page, name: str) -> None:
    await expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()


def ranked(page: Page, by: str) -> Locator:
    """Return the names of a ranking."""
    region = page.get_by_role("region", name=f"Top costs by {by}")
    return region.get_by_role("rowheader")


def search(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Find a user")


def search_results(page: Page) -> Locator:
    """Return the users that the search offers."""
    return page.get_by_role("listbox", name="Users").get_by_role("option")


async def test_users_personas_services_and_days_are_ranked(
    open_page: Open, product_with_users: Product
) -> None:
    async with open_page("/", "boss", role="admin") as page:
        await page.get_by_role("link", name="All users").click()
        await expect(ranked(page, "user")).to_have_text(["malice", "alice", "bob"])
        row = page.get_by_role("row", name="alice $15.71").first
        await expect(row.get_by_role("cell")).to_have_text(
            [
                "$15.71",
                "$9.98",
                "-$5.73",
                "2",
                re.compile(r"\d+%"),
            ]
        )
        # Without scrolling, and in one click each.
        await page.get_by_role("radio", name="Personas").check()
        await expect(ranked(page, "persona")).to_have_text(["Brad", "Coach Lee"])
        await expect(ranked(page, "persona").first).to_be_in_viewport()
        await page.get_by_role("radio", name="Services").check()
        await expect(ranked(page, "service").first).to_have_text("Twilio")
        await page.get_by_role("radio", name="Days", exact=True).check()
        await expect(ranked(page, "day")).to_have_count(1)
        await page.get_by_role("radio", name="Users").check()
        await page.get_by_role("button", name="Calls").click()
        await expect(ranked(page, "user").first).to_have_text("alice")
        await page.get_by_role("button", name="Cost", exact=True).click()
        await page.get_by_role("button", name="Cost", exact=True).click()
        await expect(ranked(page, "user")).to_have_text(["bob", "alice", "malice"])
        top_costs = page.get_by_role("region", name="Top costs by user")
        column = top_costs.get_by_role("columnheader", name="Cost", exact=True)
        await expect(column).to_have_attribute("aria-sort", "ascending")
        await page.reload()
        await expect(ranked(page, "user")).to_have_text(["bob", "alice", "malice"])
        assert not await faults(page)
        await ranked(page, "user").get_by_role("link", name="bob").click()
        await heading(page, "Spending: bob")


async def test_found_user_stays_while_pages_change(
    open_page: Open, product_with_users: Product
) -> None:
    async with open_page("/prices", "boss", role="admin") as page:
        await search(page).fill("LIC")
        options = search_results(page)
        await expect(options).to_have_count(2)
        await expect(options).to_contain_text(["alice", "alice"])
        assert not await faults(page)
        await page.keyboard.press("Escape")
        await expect(options.first).to_be_hidden()
        await search(page).fill("alice")
        # The equal id is first.
        await expect(options.first).to_contain_text(re.compile(r"^\s*alice"))
        await page.keyboard.press("ArrowDown")
        await expect(options.first).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("Enter")
        await heading(page, "Spending: alice")
        for name in ("Forecast", "Budget", "Spending"):
            await page.get_by_role("banner").get_by_role("link", name=name).click()
            await heading(page, f"{name}: alice")
        await page.reload()
        await heading(page, "Spending: alice")
        await page.get_by_role("button", name="Stop showing alice").click()
        await heading(page, "Spending")
        await expect(search(page)).to_be_focused()
        await page.go_back()
        await heading(page, "Spending: alice")


async def test_budget_of_the_chosen_user_is_changed(
    open_page: Open, product_with_users: Product
) -> None:
    async with open_page("/budget?user=bob", "boss", role="admin") as page:
        await heading(page, "Budget: bob")
        await page.get_by_label("Daily limit (USD)").fill("123")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Budget saved")).to_be_visible()
        await expect(page.get_by_role("meter")).to_have_attribute(
            "aria-valuetext", re.compile(r"of \$123\.00")
        )
    budget = await product_with_users.ask("GET", "/api/costs/user/bob/budget", None, "bob")
    assert budget["dailyLimit_usd"] == 123
    own = await product_with_users.ask("GET", "/api/costs/user/boss/budget", None, "boss", "admin")
    assert own["dailyLimit_usd"] is None


async def test_unknown_user_is_named(open_page: Open, product_with_users: Product) -> None:
    async with open_page("/", "boss", role="admin") as page:
        await search(page).fill("ali")
        await expect(search_results(page).first).to_contain_text("alice")
        await search(page).fill("alix")
        await expect(page.get_by_text("No user 'alix'")).to_be_visible()
        await page.keyboard.press("Enter")
        await heading(page, "Live")
    for path in ("/spending", "/outlook", "/budget", "/"):
        async with open_page(f"{path}?user=ali", "boss", role="admin") as page:
            await heading(page, "No user 'ali'")
            await page.get_by_role("main").get_by_role("link", name="malice").click()
            await expect(page.get_by_text("No user 'ali'")).to_have_count(0)
            await expect(
                page.get_by_role("banner").get_by_text("malice", exact=True)
            ).to_be_visible()


async def test_spend_of_all_users_today_is_on_live(
    open_page: Open, product_with_users: Product
) -> None:
    async with open_page("/", "boss", role="admin") as page:
        tile = page.locator(".tile", has_text="Today, all users")
        before = await all_cost(product_with_users)
        await expect(tile).to_contain_text(f"${before:,.2f}")
        await product_with_users.send(
            started("of-cy", "cy", **now()), cost("of-cy", "cy", totalCost="5", **now())
        )
        await expect(tile).to_contain_text(f"${before + Decimal('5.035'):,.2f}", timeout=SOON_MS)
        active = page.get_by_role("list", name="Active calls").get_by_role("link")
        await expect(active).to_have_count(1)
        await search(page).fill("bob")
        await search_results(page).filter(has_text="bob").click()
        await expect(page.get_by_text("No active calls")).to_be_visible()
        await expect(page.locator(".tile", has_text="Today")).not_to_contain_text("all users")


async def test_costs_of_vendors_are_compared_with_list_prices(
    open_page: Open, product_with_users: Product
) -> None:
    reported = cost("of-dee", "dee", usage=10, unit="minutes", totalCost="0.15", **now())
    await product_with_users.send(started("of-dee", "dee", **now()), reported)
    async with open_page("/everyone", "boss", role="admin") as page:
        table = page.get_by_role("region", name="List prices")
        await expect(table.get_by_role("row", name="Twilio")).to_contain_text("%", timeout=SOON_MS)
        await page.goto("/calls/of-dee")
        events = page.get_by_role("region", name="Events of this call")
        await expect(events).to_contain_text("$0.15", timeout=SOON_MS)
        await expect(events).to_contain_text("list price $0.14")


async def all_cost(product: Product) -> Decimal:
    path = "/api/admin/costs/top?by=day&period=7d"
    cost_usd: Decimal = (await product.ask("GET", path, None, "boss", "admin"))["totalCost"]
    return cost_usd


async def test_user_without_rights_has_no_search(
    open_page: Open, product_with_users: Product
) -> None:
    async with open_page("/spending?user=bob", "alice") as page:
        await heading(page, "Spending")
        await expect(page.get_by_text("$15.71").first).to_be_visible()
        await expect(search(page)).to_have_count(0)
