"""Stuck calls: an abandoned call is shown as such, and the anomalies say what happened."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import cost, started
from tests.support.product_processes import Product, now
from tests.support.recording import fetch, until
from tests.support.stuck_calls import check_calls

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

PICTURES = os.environ.get("STUCK_CALL_PICTURES")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 860}


async def check(page: Page, name: str) -> None:
    """Check that a page fits its screen and is accessible, on both screens and in both themes."""
    for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(viewport)  # type: ignore[arg-type]
        assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            assert not await faults(page, minor=True)
            if PICTURES:
                picture = Path(PICTURES) / f"{name}-{theme}-{size}.png"
                await page.screenshot(path=picture, full_page=True)
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def anomaly(page: Page, title: str) -> Locator:
    card = page.get_by_role("region", name="Anomalies", exact=True)
    return card.get_by_role("listitem").filter(has_text=title)


async def _counted(product: Product, events: int) -> bool:
    query = "SELECT coalesce(sum(event_count), 0) FROM calls WHERE user_id = 'stan'"
    return bool((await fetch(product.pipeline.database_url, query))[0][0] == events)


async def test_stuck_calls_are_shown_and_a_late_event_reopens_one(
    open_page: Open, product: Product
) -> None:
    url = product.pipeline.database_url
    turn = {"service": "cerebras", "operation": "inference", "usage": 900, "unit": "tokens"}
    await product.send(
        started("stuck", "stan", **now(400)),
        cost("stuck", "stan", **turn, model="llama3.1-8b", **now(300)),
        *(cost("stuck", "stan", **now(ago)) for ago in (240, 180, 120, 60, 0, -60, -120)),
    )
    await until(lambda: _counted(product, 9))
    assert (await check_calls(url, datetime.now(UTC) + timedelta(seconds=140))).found == 1
    async with open_page("/outlook", "stan") as page:
        silent = anomaly(page, "Silent call that keeps costing")
        await expect(silent).to_contain_text(re.compile(r"No inference for 7 minutes"))
        await expect(silent).to_contain_text("$0.014 per minute")
        await expect(silent).to_contain_text(
            re.compile(r"since the last turn.*could be saved", re.S)
        )
        await check(page, "silent")

        assert (await check_calls(url, datetime.now(UTC) + timedelta(hours=5))).closed == 1
        await page.reload()
        closed = anomaly(page, "Call without an end")
        await expect(closed).to_contain_text("It was closed as abandoned.")
        await check(page, "abandoned-anomaly")
        await closed.get_by_role("link", name="stuck").click()
        await expect(page.get_by_role("note")).to_contain_text("A later event reopens it.")
        await expect(page.locator(".badge", has_text="Abandoned")).to_be_visible()
        await check(page, "abandoned-call")

        await page.goto(page.url.replace("/calls/stuck", "/spending"))
        await page.get_by_label("Status").select_option("abandoned")
        rows = page.get_by_role("region", name="Calls in this period").get_by_role("row")
        await expect(rows.nth(1)).to_contain_text("Abandoned")

        await product.send(cost("stuck", "stan", **now(-130)))
        await until(lambda: _counted(product, 10))
        await rows.nth(1).get_by_role("link").first.click()
        await expect(page.locator(".badge", has_text="Active")).to_be_visible()
        await check_calls(url, datetime.now(UTC))
        await page.goto(re.sub(r"/calls/.*", "/outlook", page.url))
        await expect(anomaly(page, "Call without an end")).to_contain_text("Resolved")
