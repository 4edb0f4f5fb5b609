"""Events without a price are shown until the catalogue has one, and are priced by the worker."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import cost, ended, started
from tests.support.product_processes import Product, now
from tests.support.recording import fetch, until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

PICTURES = os.environ.get("UNPRICED_PICTURES")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 860}
NOTE = "no price yet"


async def check(page: Page, name: str) -> None:
    """Check that a page fits its screen and is accessible, on both screens and in both themes."""
    for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(viewport)  # type: ignore[arg-type]
        across = await page.evaluate("document.documentElement.scrollWidth")
        assert across <= viewport["width"]
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            assert not await faults(page, minor=True)
            if PICTURES:
                picture = Path(PICTURES) / f"{name}-{theme}-{size}.png"
                await page.screenshot(path=picture, full_page=True)


async def test_unpriced_events_are_shown_until_they_have_a_price(
    open_page: Open, product: Product
) -> None:
    talk = {"service": "polly", "operation": "tts", "unit": "characters"}
    costs = [cost("call-1", "una", usage=usage, **talk, **now(60)) for usage in (700, 300)]
    await product.send(
        started("call-1", "una", **now(70)), cost("call-1", "una", **now(65)), *costs,
        ended("call-1", "una", **now(50)),
    )  # fmt: skip
    await until(lambda: _counted(product, 5))
    async with open_page("/spending", "una") as page:
        note = page.get_by_role("note").filter(has_text=NOTE)
        await expect(note).to_contain_text(
            "2 events have no price yet and count as $0 or at an estimate."
        )
        row = page.get_by_role("region", name="Calls in this period").get_by_role("row").nth(1)
        await expect(row).to_contain_text("No price")
        await check(page, "spending")
        await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        await row.get_by_role("link").first.click()
        await expect(page.get_by_role("img", name="Cost of the call")).to_be_visible()
        await expect(note).to_contain_text("2 events have no price yet")
        events = page.get_by_role("region", name="Events of this call")
        await expect(events.get_by_text("No price", exact=True)).to_have_count(2)
        await check(page, "call")

        async with open_page("/everyone", "boss", role="admin") as everyone:
            shown = everyone.get_by_role("note").filter(has_text=NOTE)
            await expect(shown.get_by_role("link", name="Prices")).to_be_visible()
            await check(everyone, "everyone")

        since = (datetime.now(UTC) - timedelta(days=2)).isoformat()
        price = {**talk, "price_usd": "0.016", "perUnits": 1_000, "effectiveFrom": since, "source": "a contract"}  # fmt: skip
        await product.ask("POST", "/api/admin/prices", json.dumps(price).encode(), "boss", "admin")
        await until(lambda: _counted(product, 9))
        await page.get_by_role("button", name="Refresh").click()
        await expect(note).to_have_count(0)
        await expect(events.get_by_text("$0.0112", exact=True)).to_have_count(1)


async def _counted(product: Product, events: int) -> bool:
    query = "SELECT event_count FROM calls WHERE call_id = 'call-1'"
    rows = await fetch(product.pipeline.database_url, query)
    return bool(rows and rows[0][0] >= events)
