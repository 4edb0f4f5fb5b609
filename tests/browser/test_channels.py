"""Notification channels on the Budget page, with the real API, worker and a real receiver."""

import pytest
from playwright.async_api import Locator, Page, expect
from standardwebhooks import Webhook

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.product_processes import Product
from tests.support.receivers import HttpReceiver, receiver

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

SOON_MS = 10_000


def card(page: Page) -> Locator:
    return page.get_by_role("region", name="Notification channels")


async def add(page: Page, endpoint: HttpReceiver) -> None:
    """Add a webhook and keep its secret, which is shown once."""
    section = card(page)
    await expect(section.get_by_text("No channels yet")).to_be_visible()
    await section.get_by_label("Webhook URL").fill(endpoint.url)
    await section.get_by_role("button", name="Add channel").click()
    secret = section.get_by_label("Signing secret")
    await expect(secret).to_be_focused()
    await expect(section.get_by_text("it won't be shown again")).to_be_visible()
    await expect(section.get_by_text("Not verified")).to_be_visible()
    await expect(section.get_by_text("The code was delivered.")).to_be_visible(timeout=SOON_MS)
    assert not await faults(page)
    await section.get_by_role("button", name="Copy").click()
    await expect(section.get_by_text("Copied", exact=True)).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    [request] = endpoint.requests
    Webhook(copied).verify(request.body, dict(request.headers))
    await section.get_by_role("button", name="Hide").click()
    await expect(secret).to_have_count(0)
    await expect(section.get_by_text("Signing secret hidden.")).to_be_focused()


async def verify(page: Page, endpoint: HttpReceiver) -> None:
    """Enter a wrong code, request another one too soon, and enter the correct one."""
    section = card(page)
    code, button = (
        section.get_by_label("Verification code"),
        section.get_by_role("button", name="Verify"),
    )
    await code.fill("wrong")
    await button.click()
    await expect(section.get_by_text("4 of 5 attempts left")).to_be_visible()
    await expect(code).to_be_focused()
    await section.get_by_role("button", name="Send new code").click()
    await expect(section.get_by_role("alert")).to_contain_text("Retry in")
    await code.fill(endpoint.requests[0].json["data"]["challenge"])
    await button.click()
    await expect(section.get_by_text("Verified", exact=True)).to_be_visible()
    await expect(section.get_by_role("heading", name=endpoint.url)).to_be_focused()
    await expect(code).to_have_count(0)


async def send_a_test(page: Page, endpoint: HttpReceiver) -> None:
    """Send a test message, and see its result."""
    section = card(page)
    await section.get_by_role("button", name="Send test to").click()
    await expect(section.get_by_text("The test was delivered.")).to_be_visible(timeout=SOON_MS)
    await expect(section.get_by_text("Last delivered")).to_be_visible()
    assert [request.json["type"] for request in endpoint.requests] == [
        "channel.verification",
        "channel.test",
    ]


async def change_settings(page: Page) -> None:
    """Switch kinds and quiet hours, which are kept."""
    section = card(page)
    await section.get_by_text("Budget alerts, anomalies, limit forecasts, low balance").click()
    await section.get_by_label("Daily digest").check()
    await section.get_by_label("Anomalies").uncheck()
    await section.get_by_label("Send only urgent messages").check()
    await section.get_by_label("From").fill("21:30")
    await section.get_by_label("To", exact=True).fill("06:30")
    assert not await faults(page)
    await section.get_by_role("button", name="Save").click()
    await expect(section.get_by_text("Saved.")).to_be_visible()
    await page.reload()
    summary = "Budget alerts, daily digest, limit forecasts, low balance · quiet 21:30–06:30"  # noqa: RUF001
    await expect(section.get_by_text(summary)).to_be_visible()


async def remove(page: Page, endpoint: HttpReceiver) -> None:
    """Cancel the removal by keyboard, and then remove the channel."""
    section = card(page)
    button = section.get_by_role("button", name=f"Remove {endpoint.url}")
    await button.click()
    await expect(section.get_by_role("button", name="Cancel")).to_be_focused()
    assert not await faults(page)
    await page.keyboard.press("Enter")
    await expect(button).to_be_focused()
    await button.click()
    await section.get_by_role("button", name="Remove", exact=True).click()
    await expect(section.get_by_text("was removed")).to_be_focused()
    await expect(section.get_by_text("No channels yet")).to_be_visible()


async def test_a_webhook_is_added_verified_tested_and_removed(
    open_page: Open, product: Product
) -> None:
    product.start("notices")
    permissions = ["clipboard-read", "clipboard-write"]
    async with receiver() as endpoint, open_page("/budget", "lea", permissions=permissions) as page:
        await add(page, endpoint)
        await verify(page, endpoint)
        await send_a_test(page, endpoint)
        await change_settings(page)
        await expect(card(page).get_by_text("Verified", exact=True)).to_be_visible()
        await expect(card(page).get_by_label("Signing secret")).to_have_count(0)
        await remove(page, endpoint)


async def test_form_shows_each_error_at_its_field(open_page: Open) -> None:
    async with open_page("/budget", "max") as page:
        section = card(page)
        channel_type, add = (
            section.get_by_label("Channel", exact=True),
            section.get_by_role("button", name="Add channel"),
        )
        await channel_type.select_option("SMS")
        await section.get_by_label("Phone number").fill("+14155550123")
        await add.click()
        await expect(section.get_by_text("is not set up on this server")).to_be_visible()
        await expect(channel_type).to_have_attribute("aria-invalid", "true")
        await expect(channel_type).to_be_focused()
        await channel_type.select_option("Webhook")
        await expect(section.get_by_role("option", name="SMS")).to_be_disabled()
        address = section.get_by_label("Webhook URL")
        await address.fill("ftp://example.com")
        await add.click()
        await expect(address).to_have_attribute("aria-invalid", "true")
        await expect(address).to_be_focused()
        await expect(section.get_by_text("address must be a URL such as")).to_be_visible()


async def test_failed_load_can_be_retried(open_page: Open) -> None:
    async with open_page("/", "ned") as page:
        await page.route("**/channels", lambda route: route.abort())
        await page.get_by_role("link", name="Budget", exact=True).click()
        section = card(page)
        await expect(section.get_by_text("Couldn't load this.")).to_be_visible()
        await page.unroute("**/channels")
        await section.get_by_role("button", name="Try again").click()
        await expect(section.get_by_text("No channels yet")).to_be_visible()
