"""The dashboard in a browser, over the real worker, API, broker and database."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.support.events import Plain, charged, cost, ended, started
from tests.support.product_processes import Product, now

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

SOON_MS = 10_000
TAGS = {
    "agent_version": "1.4.0",
    "campaign": "spring_launch",
    "region": "<b>eu</b>",
    "team": "sales",
}


def calls(page: Page, name: str = "Active calls") -> Locator:
    return page.get_by_role("list", name=name).get_by_role("link")


async def heading(page: Page, name: str) -> None:
    await expect(page.get_by_role("heading", level=1, name=name)).to_be_visible(timeout=SOON_MS)


async def live(page: Page) -> None:
    await expect(page.get_by_text("Connected", exact=True)).to_be_visible(timeout=SOON_MS)


def request(call: str, user: str) -> Plain:
    """Return a cost with the quantities of one request."""
    usages = [
        {"unit": "input_tokens", "quantity": 1_000},
        {"unit": "output_tokens", "quantity": 20},
    ]
    model = {"service": "cerebras", "operation": "inference", "model": "llama3.1-405b"}
    return cost(call, user, **model, usage=None, unit=None, usages=usages, **now())


async def test_address_signs_in_and_hides_the_token(open_page: Open) -> None:
    async with open_page("/", "ann") as page:
        await heading(page, "Live")
        await live(page)
        assert "token" not in page.url
        await page.reload()
        await heading(page, "Live")
        await expect(page.get_by_role("banner")).to_contain_text("ann")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("alert")).to_contain_text("signed out")
        await page.reload()
        await heading(page, "Cost Analytics")


async def test_token_can_be_pasted(open_page: Open, product: Product) -> None:
    async with open_page("/spending") as page:
        await page.get_by_label("Token").fill("nonsense")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_text("doesn't look like a valid token")).to_be_visible()
        await page.get_by_label("Token").fill(f"Bearer {product.token('ann')}\n")
        await page.get_by_role("button", name="Sign in").click()
        await heading(page, "Spending")


async def test_expired_token_leads_to_sign_in_with_a_reason(
    open_page: Open, product: Product
) -> None:
    async with open_page() as page:
        await page.goto(f"/#token={product.token('ann', seconds=3)}")
        await heading(page, "Live")
        assert "token" not in page.url
        await expect(page.get_by_role("alert")).to_contain_text("expired", timeout=SOON_MS)
        await page.reload()
        await heading(page, "Cost Analytics")


async def test_call_appears_grows_and_ends(open_page: Open, product: Product) -> None:
    async with open_page("/", "bea") as page:
        await live(page)
        await expect(page.get_by_role("list", name="First steps")).to_be_visible()
        await product.send(
            started("bea-1", "bea", persona="coach_lee_001", tags=TAGS, **now(30)),
            cost("bea-1", "bea", usage=1, unit="minutes", **now(20)),
        )
        row = calls(page)
        await expect(row).to_have_count(1, timeout=SOON_MS)
        await expect(row).to_contain_text("Coach Lee")
        await expect(row).to_contain_text("campaign spring_launch")
        await expect(row).to_contain_text("+1 more")
        # A minute of telephony and the share of the infrastructure.
        await expect(row).to_contain_text("$0.049")
        before = await row.locator(".time").inner_text()
        await expect(row.locator(".time")).not_to_have_text(before, timeout=5_000)
        await product.send(cost("bea-1", "bea", usage=2, unit="minutes", **now()))
        await expect(row).to_contain_text("$0.077", timeout=SOON_MS)
        await product.send(ended("bea-1", "bea", duration_seconds=40, **now()))
        done = calls(page, "Recently ended calls")
        await expect(done).to_contain_text("charged $4.99", timeout=SOON_MS)
        await expect(row).to_have_count(0)
        await expect(page.get_by_text("$4.99", exact=True).first).to_be_visible(timeout=SOON_MS)
        await product.send(request("bea-1", "bea"))
        await done.click()
        await heading(page, "Call with Coach Lee")
        await expect(page.get_by_role("img", name="Cost of the call")).to_be_visible()
        events = page.get_by_role("region", name="Events of this call").get_by_role("row")
        # Started, two costs, ended, settled, and a request with two quantities.
        await expect(events).to_have_count(1 + 6, timeout=SOON_MS)
        quantities = events.filter(has_text="Cerebras").get_by_role("cell").nth(3)
        await expect(quantities.locator("div > div")).to_have_text(
            ["1,000 input tokens $0.006", "20 output tokens $0.00024"]
        )
        await expect(events.filter(has_text="team sales")).to_have_count(1)
        labels = "(agent_version|campaign|region|team): "
        links = page.get_by_title(re.compile(f"^Filter by {labels}"))
        await expect(links).to_have_count(4)  # of the call
        await expect(page.get_by_title(re.compile(f"^{labels}"))).to_have_count(4)  # of its start
        await page.goto("/spending")
        listed = page.get_by_role("region", name="Calls in this period")
        await expect(listed).to_contain_text("region <b>eu</b>")


async def test_cost_of_a_call_grows_by_service(open_page: Open, product: Product) -> None:
    async with open_page("/", "cleo") as page:
        await live(page)
        await product.send(started("cleo-1", "cleo", **now()), cost("cleo-1", "cleo", **now()))
        chart = page.get_by_role("img", name="Cost by service")
        # The step of five seconds must end, and the page ask for it.
        await expect(chart).to_be_visible(timeout=2 * SOON_MS)
        await expect(chart.locator("canvas")).to_be_visible()
        await page.get_by_text("Show as table").click()
        table = page.get_by_role("table", name="Cost by service, last 10 minutes")
        await expect(table.get_by_role("columnheader", name="Twilio")).to_be_visible()


async def test_reached_limit_shows_an_alert(open_page: Open, product: Product) -> None:
    async with open_page("/budget", "dora") as page:
        daily_limit = page.get_by_label("Daily limit (USD)")
        await daily_limit.fill("-1")
        await page.get_by_role("button", name="Save").click()
        await expect(daily_limit).to_have_attribute("aria-invalid", "true")
        await expect(daily_limit).to_be_focused()
        await expect(page.get_by_text("An amount can't be negative")).to_be_visible()
        await daily_limit.fill("6.000000001")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Budget saved")).to_be_visible()
        await expect(page.get_by_role("meter")).to_have_count(1)
        await page.reload()
        await expect(page.get_by_label("Daily limit (USD)")).to_have_value("6.000000001")
        await page.get_by_role("link", name="Live").click()
        await live(page)
        await product.send(started("dora-1", "dora", **now()), charged("dora-1", "dora", **now()))
        messages = page.get_by_role("region", name="Messages")
        await expect(messages).to_contain_text("80% of daily limit used", timeout=SOON_MS)
        listed = page.get_by_role("region", name="Alerts")
        await expect(listed).to_contain_text("80% of daily limit used")
        await page.reload()
        await expect(listed).to_contain_text("80% of daily limit used", timeout=SOON_MS)


async def test_exports_are_downloaded(open_page: Open, product: Product, tmp_path: Path) -> None:
    await product.send(
        started("eve-1", "eve", **now()),
        cost("eve-1", "eve", usage="0.123456789", totalCost="0.123456789", **now()),
        ended("eve-1", "eve", **now()),
    )
    async with open_page("/spending", "eve") as page:
        row = page.get_by_role("region", name="Calls in this period").get_by_role("row")
        await expect(row).to_have_count(2, timeout=SOON_MS)
        await page.get_by_label("Contents of the file").select_option("Calls")
        async with page.expect_download() as waiting:
            await page.get_by_role("button", name="Download CSV").click()
        download = await waiting.value
        assert re.fullmatch(r"costs-eve-calls-[\d-]+\.csv", download.suggested_filename)
        path = tmp_path / "calls.csv"
        await download.save_as(path)
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) == 2
        assert "eve-1" in lines[1]


async def test_period_can_be_chosen(open_page: Open, product: Product) -> None:
    async with open_page("/spending", "fay") as page:
        await expect(page.get_by_text("No costs in this period", exact=True)).to_be_visible()
        today = datetime.now(UTC).date()
        for name, days in (("Today", 1), ("7 days", 7), ("90 days", 90)):
            span = f"startDate={today - timedelta(days=days - 1)}&endDate={today}"
            async with page.expect_response(re.compile(f"/spending.*{span}")):
                await page.get_by_role("radio", name=name).check()
        await page.get_by_role("radio", name="Custom").check()
        async with page.expect_response(re.compile("startDate=2026-01-05&endDate=")):
            await page.get_by_label("Start date").fill("2026-01-05")
            await page.keyboard.press("Tab")


async def test_theme_follows_the_system_or_the_user(open_page: Open) -> None:
    background = "getComputedStyle(document.documentElement).backgroundColor"
    async with open_page("/", "gil", color_scheme="dark") as page:
        await heading(page, "Live")
        dark = await page.evaluate(background)
        button = page.get_by_role("button", name="Theme")
        await button.click()
        light = await page.evaluate(background)
        assert light != dark
        await page.reload()
        assert await page.evaluate(background) == light
        await button.click()
        assert await page.evaluate(background) == dark


async def test_dashboard_works_by_keyboard(open_page: Open) -> None:
    async with open_page("/", "hal") as page:
        await heading(page, "Live")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        for name in ("Cost Analytics", "Live", "Spending"):
            await page.keyboard.press("Tab")
            link = page.get_by_role("banner").get_by_role("link", name=name)
            await expect(link).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1, name="Spending")).to_be_focused()


async def test_only_admins_see_all_users(open_page: Open) -> None:
    async with open_page("/everyone", "ida") as page:
        await expect(page.get_by_role("alert")).to_be_visible()
        await expect(page.get_by_role("link", name="All users")).to_have_count(0)
    async with open_page("/", "boss", role="admin") as page:
        await page.get_by_role("link", name="All users").click()
        await heading(page, "All users")
        await expect(page.locator(".tile", has_text="Charged")).to_be_visible()
        await expect(page.get_by_text("Books match")).to_be_visible(timeout=SOON_MS)


async def test_call_of_another_user_looks_nonexistent(open_page: Open, product: Product) -> None:
    await product.send(started("secret-1", "jon", **now()))
    async with open_page("/calls/secret-1", "kim") as page:
        await expect(page.get_by_role("alert")).to_contain_text("you don't have access")
