"""The ten tasks that bring people here, each in at most three clicks from the page Live.

`python -m pytest -s tests/browser/test_tasks.py` prints the clicks.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from playwright.async_api import Locator, Page, expect

from api.http.roles import Role
from devkit.simulation.participants import DEMO_USER
from tests.browser.conftest import Open
from tests.browser.test_pages import SIZES as PAGE_SIZES
from tests.support.parts import figures
from tests.support.product_processes import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

CLICKS_MAX = 3
SIZES = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": PAGE_SIZES["phone"],
}
LIMITS = {"desktop": ("20", "50"), "phone": ("30", "60")}
"""A daily limit in USD and the percentage of its alert, for each size."""
IS_SEEN = """(element) => {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
}"""


@dataclass
class Clicks:
    """The clicks of one task."""

    page: Page
    names: list[str] = field(default_factory=list)

    async def on(self, target: Locator, name: str) -> None:
        """Click; the first click of a task needs no scrolling."""
        await expect(target).to_be_visible()
        is_seen = await target.evaluate(IS_SEEN)
        assert is_seen or self.names, f"{name} is not visible without scrolling"
        self.names.append(name if is_seen else f"(scroll) {name}")
        await target.click()

    async def on_page(self, name: str) -> None:
        """Click a page of the navigation."""
        pages = self.page.get_by_role("navigation", name="Pages")
        await self.on(pages.get_by_role("link", name=name), name)
        await expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible()


class Visit:
    """One user's open dashboard, of one size."""

    def __init__(self, page: Page, size: str) -> None:
        self.page = page
        self.size = size

    @asynccontextmanager
    async def task(self, name: str) -> AsyncIterator[Clicks]:
        """Start at the page Live; count and report the clicks of the block."""
        await self.page.goto("/")
        await expect(self.page.get_by_role("heading", level=1, name="Live")).to_be_visible()
        clicks = Clicks(self.page)
        yield clicks
        path = " → ".join(clicks.names)
        figures.append(f"task, {self.size}: {name}: {len(clicks.names)} clicks: {path}")
        assert 1 <= len(clicks.names) <= CLICKS_MAX

    def region(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=name)


@asynccontextmanager
async def visit(open_page: Open, user: str, role: Role, size: str) -> AsyncIterator[Visit]:
    async with open_page("/", user, role=role, **SIZES[size]) as page:
        yield Visit(page, size)


async def most_expensive_service(product: Product) -> str:
    """Return the name of the service that costs the demo user most this month."""
    today = datetime.now(UTC).date()
    span = f"period=custom&startDate={today.replace(day=1)}&endDate={today}"
    path = f"/api/costs/user/{DEMO_USER}/spending?{span}"
    costs = (await product.ask("GET", path, None, DEMO_USER))["costByService"]
    service = max(costs, key=lambda service: Decimal(costs[service]))
    return "ElevenLabs" if service == "elevenlabs" else str(service).capitalize()


@pytest.mark.parametrize("size", SIZES)
async def test_user_finds_costs_in_three_clicks(
    open_page: Open, product_with_history: Product, size: str
) -> None:
    async with visit(open_page, DEMO_USER, "user", size) as visited:
        page = visited.page
        async with visited.task("the last call, and why it cost that much") as clicks:
            await clicks.on_page("Spending")
            calls = visited.region("Calls in this period")
            await clicks.on(calls.get_by_role("rowheader").get_by_role("link").first, "first call")
            await expect(page.get_by_role("heading", name="Cost breakdown")).to_be_visible()
        async with visited.task("the most expensive service of this month") as clicks:
            await clicks.on_page("Spending")
            await clicks.on(page.get_by_role("radio", name="This month"), "This month")
            await expect(page).to_have_url(re.compile("period=this-month"))
            service = await most_expensive_service(product_with_history)
            first = visited.region("Cost by service").get_by_role("listitem").first
            await expect(first.get_by_role("link", name=service, exact=True)).to_be_visible()
        async with visited.task("an anomaly, explained") as clicks:
            await clicks.on_page("Forecast")
            anomalies = page.get_by_role("list", name="Anomalies")
            first = anomalies.get_by_role("listitem").first
            await expect(first).to_contain_text("usual")
            await clicks.on(first.get_by_role("link", name=re.compile("^Call")), "its call")
            await expect(page.get_by_role("heading", name="Cost breakdown")).to_be_visible()
        async with visited.task("an export of last month") as clicks:
            await clicks.on_page("Spending")
            await clicks.on(page.get_by_role("radio", name="Last month"), "Last month")
            await expect(page).to_have_url(re.compile("period=last-month"))
            async with page.expect_download() as waiting:
                await clicks.on(page.get_by_role("button", name="Download CSV"), "Download CSV")
            assert (await waiting.value).suggested_filename.startswith(f"costs-{DEMO_USER}-daily-")


@pytest.mark.parametrize("size", SIZES)
async def test_user_sets_a_limit_and_a_channel_in_three_clicks(
    open_page: Open, product_with_history: Product, size: str
) -> None:
    limit, percent = LIMITS[size]
    async with visit(open_page, DEMO_USER, "user", size) as visited:
        page = visited.page
        async with visited.task(
            f"a daily limit of ${limit}, with an alert at {percent}%"
        ) as clicks:
            await clicks.on_page("Budget")
            await clicks.on(page.get_by_label("Daily limit (USD)"), "Daily limit")
            await page.keyboard.press("ControlOrMeta+a")
            await page.keyboard.type(limit)
            for _ in range(6):
                await page.keyboard.press("Tab")
            await expect(page.get_by_label("Alert at (%)")).to_be_focused()
            await page.keyboard.type(f"{percent}%")
            await clicks.on(page.get_by_role("button", name="Save", exact=True), "Save")
            await expect(page.get_by_text("Budget saved")).to_be_visible()
            await page.reload()
            await expect(page.get_by_label("Daily limit (USD)")).to_have_value(limit)
            await expect(page.get_by_label("Alert at (%)")).to_have_value(percent)
        async with visited.task("a webhook for alerts") as clicks:
            await clicks.on_page("Budget")
            await clicks.on(page.get_by_label("Webhook URL"), "Webhook URL")
            await page.keyboard.type(f"https://example.com/{size}")
            await clicks.on(page.get_by_role("button", name="Add channel"), "Add channel")
            await expect(page.get_by_label("Signing secret")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
async def test_administrator_ranks_approves_and_finds_in_three_clicks(
    open_page: Open, product_with_history: Product, size: str
) -> None:
    async with visit(open_page, "boss", "admin", size) as visited:
        page = visited.page
        async with visited.task("the most expensive user, persona and day") as clicks:
            await clicks.on_page("All users")
            for ranking, choice in (("user", None), ("persona", "Personas"), ("day", "Days")):
                if choice is not None:
                    await clicks.on(page.get_by_role("radio", name=choice, exact=True), choice)
                first = visited.region(f"Top costs by {ranking}").get_by_role("rowheader").first
                await expect(first).to_be_visible()
        async with visited.task("approve a price") as clicks:
            await clicks.on_page("Prices")
            pending = page.get_by_role("list", name="Prices to approve").get_by_role("listitem")
            await clicks.on(
                pending.first.get_by_role("button", name=re.compile("^Approve")), "Approve"
            )
            await clicks.on(page.get_by_role("button", name="Approve", exact=True), "Approve")
            await expect(page.get_by_text("was approved.")).to_be_visible()
        async with visited.task("do the books match?") as clicks:
            await clicks.on_page("All users")
            await expect(page.get_by_text("Books match")).to_be_visible()
        async with visited.task("find a user") as clicks:
            search = page.get_by_role("combobox", name="Find a user")
            await clicks.on(search, "Find a user")
            await page.keyboard.type(DEMO_USER[:3])
            found = page.get_by_role("listbox", name="Users").get_by_role("option")
            await clicks.on(found.filter(has_text=DEMO_USER).first, DEMO_USER)
            await expect(page.locator("main")).to_contain_text(DEMO_USER)
