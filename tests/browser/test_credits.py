"""The prepaid balance in a browser over the real product: its grants, alerts, and administrators."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.browser.test_control import DESKTOP, PHONE
from tests.support.events import charged, granted, started
from tests.support.product_processes import Product, now

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]


def card(page: Page) -> Locator:
    return page.get_by_role("region", name="Prepaid balance", exact=True)


async def check(page: Page, name: str) -> None:
    """Check that the page fits both screens, and is accessible in both themes."""
    for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(viewport)  # type: ignore[arg-type]
        assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            assert not await faults(page, minor=True)
            if folder := os.environ.get("CREDIT_PICTURES"):
                await page.screenshot(
                    path=Path(folder) / f"{name}-{theme}-{size}.png", full_page=True
                )
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


async def test_page_shows_balance_grants_and_how_long_it_lasts(
    open_page: Open, product: Product
) -> None:
    await product.send(
        granted("gil", amount=20, note="Invoice 7731", **now(60)),
        granted("gil", amount=5, priority=10, note="Welcome", **now(60)),
        started("gil-1", "gil", **now(30)),
        charged("gil-1", "gil", amount=12, **now(20)),
    )
    async with open_page("/budget", "gil") as page:
        await expect(card(page)).to_contain_text("$13.00")
        await expect(card(page)).to_contain_text("At $1.71 a day, the average of the last 7 days")
        rows = card(page).get_by_role("table", name="Grants").get_by_role("row")
        await expect(rows.nth(1)).to_contain_text("Invoice 7731")
        await expect(rows.nth(1).get_by_role("cell").nth(0)).to_have_text("$20.00")
        await expect(rows.nth(1).get_by_role("cell").nth(1)).to_have_text("$13.00")
        await expect(rows.nth(2)).to_contain_text("Used up")
        await expect(rows.nth(2)).to_contain_text("Welcome")
        await expect(card(page).get_by_role("button", name="Grant credit")).to_have_count(0)
        await expect(card(page).get_by_role("button", name="Void")).to_have_count(0)
        await check(page, "balance")
        await product.send(charged("gil-2", "gil", amount=20, **now(5)))
        await page.reload()
        await expect(card(page)).to_contain_text("-$7.00")
        await expect(card(page)).to_contain_text("The next grant pays this debt")
    async with open_page("/budget", "hal") as page:
        await expect(page.get_by_role("region", name="Budget status")).to_be_visible()
        await expect(card(page)).to_have_count(0)


async def test_user_chooses_alerts_by_amounts_and_days(open_page: Open, product: Product) -> None:
    await product.send(granted("ida", amount=20, **now(60)), charged("ida-1", "ida", **now(20)))
    async with open_page("/budget", "ida") as page:
        amounts = card(page).get_by_label("Alert at a balance of (USD)")
        days = card(page).get_by_label("Alert before it is used up (days)")
        save = card(page).get_by_role("button", name="Save alerts")
        await expect(amounts).to_have_value("10")
        await expect(save).to_be_disabled()
        await days.fill("100")
        await save.click()
        await expect(days).to_have_attribute("aria-invalid", "true")
        await expect(days).to_be_focused()
        await expect(card(page)).to_contain_text("Enter whole days from 1 to 90")
        await days.fill("3")
        await amounts.fill("8, 4")
        await save.click()
        await expect(save).to_be_disabled()
        await page.reload()
        await expect(amounts).to_have_value("8, 4")
        await expect(days).to_have_value("3")


async def test_administrator_grants_and_voids_credit(open_page: Open, product: Product) -> None:
    await product.send(started("joy-1", "joy", **now(30)))
    async with open_page("/budget?user=joy", "root", role="admin") as page:
        await expect(card(page)).to_contain_text("No prepaid credit")
        await card(page).get_by_role("button", name="Grant credit").click()
        form = card(page).get_by_role("form", name="Grant credit")
        await form.get_by_role("button", name="Grant credit…").click()
        await expect(form.get_by_label("Amount (USD)")).to_be_focused()
        await expect(form).to_contain_text("Enter an amount in dollars, such as 20 or 20.50.")
        await expect(form).to_contain_text("Enter a reason, such as the number of an invoice.")
        await form.get_by_label("Amount (USD)").fill("$1,250.50")
        await form.get_by_label("Expires").fill("2020-01-01T10:00")
        await form.get_by_label("Reason").fill("Invoice 7731")
        await expect(form).to_contain_text("Choose a time in the future")
        await check(page, "grant-form")
        await form.get_by_label("Expires").fill("")
        await form.get_by_role("button", name="Grant credit…").click()
        question = form.get_by_role("group", name="Grant $1,250.50 to joy? It counts at once.")
        await expect(question.get_by_role("button", name="Back")).to_be_focused()
        await check(page, "grant-question")
        await question.get_by_role("button", name="Grant", exact=True).dblclick()
        rows = card(page).get_by_role("table", name="Grants").get_by_role("row")
        await expect(rows).to_have_count(2)
        await expect(rows.nth(1)).to_contain_text("Invoice 7731")
        await expect(page.get_by_text("Credit granted", exact=True)).to_be_visible()
        await _void(page)


async def _void(page: Page) -> None:
    """Cancel a void, try it without a reason, and void the only grant."""
    void = card(page).get_by_role("button", name="Void the grant of $1,250.50")
    form = card(page).get_by_role("form", name="Void a grant")
    await void.click()
    await expect(form.get_by_label("Reason")).to_be_focused()
    await form.get_by_role("button", name="Cancel").click()
    await expect(form).to_have_count(0)
    await void.click()
    await form.get_by_role("button", name="Void grant").click()
    await expect(form).to_contain_text("Enter a reason.")
    await form.get_by_label("Reason").fill("Paid twice")
    await check(page, "void-form")
    await form.get_by_role("button", name="Void grant").click()
    await expect(card(page).get_by_role("table", name="Grants")).to_contain_text(
        "Voided: Paid twice"
    )
    await expect(card(page)).to_contain_text("No grant counts, so there is no balance.")
    await expect(void).to_have_count(0)
