"""The prepaid balance in a browser over the real product: its grants, and how long it lasts."""

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import charged, granted, started
from tests.support.product_processes import Product, now

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]


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
        card = page.get_by_role("region", name="Prepaid balance", exact=True)
        await expect(card).to_contain_text("$13.00")
        await expect(card).to_contain_text("At $1.71 a day, the average of the last 7 days")
        grants = card.get_by_role("list", name="Grants")
        await expect(grants.get_by_role("listitem").first).to_contain_text("$13.00 of $20.00")
        await expect(grants).to_contain_text("$5.00, used up")
        await expect(grants).to_contain_text("Welcome")
        assert not await faults(page)
        if folder := os.environ.get("SCREENSHOTS"):
            await page.screenshot(path=Path(folder) / "prepaid.png", full_page=True)
        await product.send(charged("gil-2", "gil", amount=20, **now(5)))
        await page.reload()
        await expect(card).to_contain_text("-$7.00")
        await expect(card).to_contain_text("The next grant pays this debt")
        assert not await faults(page)
    async with open_page("/budget", "hal") as page:
        await expect(page.get_by_role("region", name="Budget status")).to_be_visible()
        await expect(page.get_by_role("region", name="Prepaid balance")).to_have_count(0)
