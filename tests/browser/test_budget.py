"""The budget in a browser over the real product: its money, its form and its forecast."""

import json
import re
from datetime import UTC, datetime

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


def part(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


def zone_at_noon() -> str:
    """Return a time zone in which it is noon, so that the day does not end in a test."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"  # its sign is that of West


async def test_bars_and_forecast_agree_and_name_the_money(
    open_page: Open, product: Product
) -> None:
    budget = {
        "dailyLimit_usd": 300,
        "monthlyLimit_usd": 900000,
        "alertThreshold_percent": 100,
        "timezone": zone_at_noon(),
    }
    await product.put("/api/costs/user/ora/budget", json.dumps(budget).encode(), "ora")
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
        await expect(bars).to_contain_text("Charged is what users pay for their calls")
        await expect(bars).to_contain_text(pace)
        assert not await faults(page)
        await page.get_by_role("link", name="Forecast").click()
        month = part(page, "This month")
        await expect(month).to_contain_text(re.compile(r"Charged,\s+so far in"))
        await expect(month).to_contain_text(pace)
        await expect(month).not_to_contain_text("Not expected in the next 30 days")
        assert not await faults(page)


async def test_form_shows_what_is_wrong_and_what_a_limit_does(
    open_page: Open, product: Product
) -> None:
    await product.send(started("pam-1", "pam", **now(5)), charged("pam-1", "pam", **now(1)))
    async with open_page("/budget", "pam") as page:
        await expect(part(page, "Budget status")).to_contain_text("$4.99")
        daily, marks = page.get_by_label("Daily limit (USD)"), page.get_by_label("Alert at (%)")
        await daily.fill("twenty")
        await marks.fill("half")
        await page.get_by_role("button", name="Save").click()
        await expect(daily).to_be_focused()
        await expect(page.get_by_text("Enter an amount in dollars, such as 20")).to_be_visible()
        await expect(page.get_by_text("Enter percentages separated by commas")).to_be_visible()
        await marks.fill("50%")
        await daily.fill("4.99")
        warning = page.get_by_text("Charged today: $4.99. This limit is already reached")
        await expect(warning).to_be_visible()
        await expect(page.get_by_text("Active calls go on. New calls are refused")).to_be_visible()
        await expect(page.get_by_text("asked to end the call")).to_be_visible()
        await page.get_by_label("End calls at the per-call limit").uncheck()
        await expect(page.get_by_text("The call goes on.")).to_be_visible()
        assert not await faults(page)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Budget saved")).to_be_visible()
        await expect(warning).to_have_count(0)
        bars = part(page, "Budget status")
        await expect(bars).to_contain_text("Limit reached")
        await expect(bars).to_contain_text("of the time has passed")
        await expect(marks).to_have_value("50")


async def test_steps_before_the_end_of_a_call_are_set(open_page: Open) -> None:
    async with open_page("/budget", "tom") as page:
        await page.get_by_label("Per-call limit (USD)").fill("2")
        await page.get_by_label("Ask the agent to say a closing sentence").check()
        percent = page.get_by_label("Say it at (%)")
        await expect(percent).to_have_value("80")
        await percent.fill("96")
        await page.get_by_label("Ask the agent to use a cheaper model").check()
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("above the percentage of the closing")).to_be_visible()
        await percent.fill("70%")
        await page.get_by_label("Closing sentence", exact=True).fill("We finish now.")
        assert not await faults(page)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Budget saved")).to_be_visible()
        await page.reload()
        await expect(percent).to_have_value("70")
        await expect(page.get_by_label("Use it at (%)")).to_have_value("95")
        await expect(page.get_by_label("Closing sentence", exact=True)).to_have_value(
            "We finish now."
        )


async def test_unsaved_changes_survive_an_expired_token(open_page: Open, product: Product) -> None:
    async with open_page() as page:
        await page.goto(f"/budget#token={product.token('quo', seconds=6)}")
        await page.get_by_label("Daily limit (USD)").fill("12.34")
        await expect(page.get_by_role("alert")).to_contain_text("expired", timeout=15_000)
        await page.get_by_label("Token").fill(product.token("quo"))
        await page.get_by_role("button", name="Sign in").click()
        daily = page.get_by_label("Daily limit (USD)")
        await expect(daily).to_have_value("12.34")
        await expect(page.get_by_text("Your unsaved changes were restored.")).to_be_visible()
        assert not await faults(page)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Budget saved")).to_be_visible()
        await page.reload()
        await expect(daily).to_have_value("12.34")
        await expect(page.get_by_text("Your unsaved changes were restored.")).to_have_count(0)
        await daily.fill("99")
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("Token").fill(product.token("rex"))
        await page.get_by_role("button", name="Sign in").click()
        await expect(daily).to_have_value("")


async def test_alerts_are_grouped_linked_and_marked_as_read(
    open_page: Open, product: Product
) -> None:
    body = b'{"dailyLimit_usd": 5, "monthlyLimit_usd": 9, "thresholds": [50, 90]}'
    await product.put("/api/costs/user/sia/budget", body, "sia")
    call = charged("sia-1", "sia", amount="4.512345678", fee=0, **now(1))
    await product.send(started("sia-1", "sia", **now(5)), call)
    async with open_page("/budget", "sia") as page:
        card = part(page, "Recent alerts")
        daily = card.get_by_role("region", name=re.compile(r"Daily limit of \$5\.00"))
        monthly = card.get_by_role("region", name=re.compile(r"Monthly limit of \$9\.00"))
        await expect(daily.get_by_role("listitem")).to_have_count(3)
        await expect(monthly.get_by_role("listitem")).to_have_count(1)
        first = daily.get_by_role("listitem").first
        await expect(first).to_contain_text("You've been charged $4.51 today")
        await expect(first.get_by_text("$4.512345678")).not_to_be_visible()
        await first.get_by_text("Details").click()
        await expect(first.get_by_text("$4.512345678")).to_be_visible()
        await expect(first.get_by_role("link", name="Call sia-1")).to_be_visible()
        await first.get_by_role("button", name="Mark as read").click()
        await expect(first.get_by_role("button", name="Mark as unread")).to_be_visible()
        assert not await faults(page)
        await page.reload()
        await expect(first.get_by_role("button", name="Mark as unread")).to_be_visible()
        await card.get_by_label("Unread only").check()
        await expect(daily.get_by_role("listitem")).to_have_count(2)
        await card.get_by_label("Limit", exact=True).select_option("Monthly limit")
        await expect(daily).to_have_count(0)
        await expect(monthly.get_by_role("listitem")).to_have_count(1)
        await monthly.get_by_role("button", name="Mark as read").click()
        await card.get_by_label("Limit", exact=True).select_option("Per-call limit")
        await expect(card).to_contain_text("No matching alerts")
        await card.get_by_label("Unread only").uncheck()
        await card.get_by_label("Limit", exact=True).select_option("Daily limit")
        await first.get_by_role("link", name="Call sia-1").click()
        await expect(page).to_have_url(f"{product.url}/calls/sia-1")
