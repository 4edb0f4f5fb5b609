"""The administrators' channels on the page All users, with the real API, worker and a receiver."""

import os
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.browser.test_control import DESKTOP, PHONE
from tests.support.events import cost
from tests.support.product_processes import Product, now
from tests.support.receivers import HttpReceiver, receiver

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

SOON_MS = 30_000


def card(page: Page) -> Locator:
    return page.get_by_role("region", name="Administrators' notification channels")


async def check(page: Page, name: str) -> None:
    """Check that the page fits both screens, and is accessible in both themes."""
    for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
        await page.set_viewport_size(viewport)  # type: ignore[arg-type]
        assert await page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme=theme)
            assert not await faults(page, minor=True)
            if folder := os.environ.get("CHANNEL_PICTURES"):
                await card(page).screenshot(path=Path(folder) / f"{name}-{theme}-{size}.png")
    await page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


async def add(page: Page, endpoint: HttpReceiver) -> None:
    section = card(page)
    await expect(section.get_by_text("No channels yet")).to_be_visible()
    await expect(section.get_by_text("About all users, shared by administrators")).to_be_visible()
    await section.get_by_label("Webhook URL").fill(endpoint.url)
    await section.get_by_role("button", name="Add channel").click()
    await expect(section.get_by_text("The code was delivered.")).to_be_visible(timeout=SOON_MS)
    await section.get_by_role("button", name="Hide").click()
    await section.get_by_label("Verification code").fill(
        endpoint.requests[0].json["data"]["challenge"]
    )
    await section.get_by_role("button", name="Verify").click()
    await expect(section.get_by_text("Verified", exact=True)).to_be_visible()


async def test_administrators_share_a_channel_about_all_users(
    open_page: Open, product: Product
) -> None:
    product.start("notices")
    async with receiver() as endpoint:
        async with open_page("/everyone", "root", role="admin") as page:
            await add(page, endpoint)
            await expect(
                card(page).get_by_text("Budget alerts, usage without a price", exact=True)
            ).to_be_visible()
            await check(page, "administrators-channel")
            await _switch_kinds(page)
        async with open_page("/everyone", "another-root", role="admin") as page:
            await _receive_unpriced_usage(page, product, endpoint)
            await _remove(page, endpoint)
    async with open_page("/budget", "ulf") as page:
        await expect(page.get_by_role("region", name="Notification channels")).to_be_visible()
        await expect(card(page)).to_have_count(0)


async def _switch_kinds(page: Page) -> None:
    section = card(page)
    await section.get_by_text("Budget alerts, usage without a price", exact=True).click()
    for kind in ("Daily digest", "Anomalies", "Low balance"):
        await expect(section.get_by_label(kind)).to_have_count(0)
    await section.get_by_label("Budget alerts").uncheck()
    await section.get_by_label("Send only urgent messages").check()
    await expect(section.get_by_text("in UTC")).to_be_visible()
    await section.get_by_label("Send only urgent messages").uncheck()
    await check(page, "administrators-switches")
    await section.get_by_role("button", name="Save").click()
    await expect(section.get_by_text("Saved.")).to_be_visible()


async def _receive_unpriced_usage(page: Page, product: Product, endpoint: HttpReceiver) -> None:
    """Another administrator sees the channel, which gets what its switches let through."""
    await expect(card(page).get_by_text("Usage without a price", exact=True)).to_be_visible()
    await product.send(cost("unknown", "una", service="acme", operation="tts", **now(5)))
    async with page.expect_response("**/api/admin/channels") as _:
        await page.reload()
    for _ in range(SOON_MS // 500):
        if any(one.json["type"] == "usage.unpriced" for one in endpoint.accepted):
            break
        await page.wait_for_timeout(500)
    types = [one.json["type"] for one in endpoint.accepted]
    assert types == ["channel.verification", "usage.unpriced"]
    assert endpoint.accepted[1].json["data"]["service"] == "acme"


async def _remove(page: Page, endpoint: HttpReceiver) -> None:
    section = card(page)
    await section.get_by_role("button", name=f"Remove {endpoint.url}").click()
    await section.get_by_role("button", name="Remove", exact=True).click()
    await expect(section.get_by_text("was removed")).to_be_focused()
    await expect(section.get_by_text("No channels yet")).to_be_visible()
