"""The Prices page adds charge plans, and a call says by which plan it was charged."""

import asyncio
import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from ledger.prices.price_book import REFRESH_SECONDS
from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import ended, started
from tests.support.product_processes import Product, now
from tests.support.recording import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

PICTURES = os.environ.get("CHARGE_PLAN_PICTURES")
SCREENS = {"desktop": (1280, 860), "phone": (390, 844)}
CALL = "planned-call"


async def check(page: Page, name: str) -> None:
    """Check that a page fits its screen and is accessible, on both screens and in both themes."""
    for size, (width, height) in SCREENS.items():
        await page.set_viewport_size({"width": width, "height": height})
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            assert not await faults(page, minor=True)
            if PICTURES:
                picture = Path(PICTURES) / f"{name}-{theme}-{size}.png"
                await page.screenshot(path=picture, full_page=True)


async def test_a_plan_is_added_and_the_call_shows_it(open_page: Open, product: Product) -> None:
    async with open_page("/prices", "boss", role="admin") as page:
        plans = page.get_by_role("region", name="Charge plans", exact=True).first
        await expect(plans).to_contain_text("No charge plans")
        await plans.get_by_role("button", name="Add plan").click()
        form = plans.get_by_role("form", name="New charge plan")
        await form.get_by_label("Charge", exact=True).select_option("Per minute")
        await form.get_by_label("Amount (USD)").fill("0.35")
        await form.get_by_label("Increment (seconds)").fill("60")
        await form.get_by_label("Minutes included per call").fill("1")
        await form.get_by_label("User", exact=True).fill("ida")
        await form.get_by_label("Tag", exact=True).fill("campaign")
        await form.get_by_role("button", name="Add plan").click()
        await expect(form.get_by_role("alert")).to_contain_text("The tag campaign has 0 characters")
        await check(page, "form")
        await form.get_by_label("Tag", exact=True).fill("")
        await form.get_by_role("button", name="Add plan").click()
        await expect(plans.get_by_text("Plan added.")).to_be_visible()
        row = plans.get_by_role("row").filter(has_text="User ida")
        await expect(row).to_contain_text("$0.35 per minute, in 60 s steps, 1 min included")
        await check(page, "plans")

    await asyncio.sleep(REFRESH_SECONDS + 1)  # the worker reads new plans
    await product.send(
        started(CALL, "ida", **now()), ended(CALL, "ida", duration_seconds=190, **now())
    )

    async def is_settled() -> bool:
        found = (await product.ask("GET", "/api/costs/user/ida/calls", None, "ida"))["calls"]
        return bool(found) and found[0]["status"] == "completed"

    await until(is_settled)
    async with open_page(f"/calls/{CALL}", "ida") as page:
        charge = page.get_by_text("Per minute: 4 min at $0.35, 1 min included")
        await expect(charge).to_be_visible()
        await check(page, "call")
