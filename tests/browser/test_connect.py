"""The page Connect over the real product: choose a stack, copy its line, see the first event arrive."""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import cost
from tests.support.product_processes import Product, now
from tests.support.recording import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]

KEY = re.compile(r"cak_[A-Za-z0-9_-]{43}")
ARRIVES_MS = 20_000
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
KEPT = os.environ.get("SCREENSHOTS")


def part(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=name, exact=True)


async def looks_right(page: Page, folder: Path, name: str) -> None:
    """Check the page in both themes, on a desktop and on a phone, and keep pictures."""
    folder = Path(KEPT) if KEPT else folder
    for size, width in (("", 1280), ("-phone", 390)):
        await page.set_viewport_size({"width": width, "height": 860})
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            assert not await faults(page)
            await page.screenshot(path=folder / f"{name}-{theme}{size}.png", full_page=True)
    await page.set_viewport_size({"width": 1280, "height": 860})


async def report(page: Page, product: Product, key: str, **fields: Any) -> int:
    """Report a cost with a key; returns the status."""
    body = {
        "callId": "connect-1",
        "userId": "ines",
        "service": "twilio",
        "operation": "voice_call",
        "usageAmount": 1,
        "usageUnit": "minutes",
        "timestamp": datetime.now(UTC).isoformat(),
    }
    answer = await page.request.post(
        f"{product.url}/api/costs/track",
        data={name: value for name, value in {**body, **fields}.items() if value is not None},
        headers={"Authorization": f"Bearer {key}"},
    )
    return answer.status


async def create_key(page: Page, service: str) -> str:
    """Create a key with the keyboard alone; returns it."""
    field = page.get_by_label("Service")
    await field.fill(service)
    await page.keyboard.press("Enter")
    shown = page.get_by_label(f"Key of {service}")
    await expect(shown).to_be_focused()
    key = await shown.input_value()
    assert KEY.fullmatch(key)
    return key


async def test_first_event_arrives_or_the_reason_is_shown(
    open_page: Open, product: Product, tmp_path: Path
) -> None:
    async with open_page("/connect", "boss", role="admin") as page:
        await expect(page.get_by_role("heading", name="Connect", level=1)).to_be_visible()
        await expect(part(page, "First event")).to_contain_text("Create or choose a key")
        await page.get_by_role("radio", name="Python").focus()
        await page.keyboard.press("ArrowRight")
        await expect(page.get_by_role("radio", name="Pipecat")).to_be_checked()
        code = part(page, "Add it").get_by_role("group", name="Code")
        await expect(code).to_contain_text("CostObserver(emitter")
        await expect(code).to_contain_text("YOUR_KEY")

        key = await create_key(page, "voice-bot")
        await expect(code).to_contain_text(f'Emitter("{product.url}", "{key}"')
        outcome = part(page, "First event").get_by_role("status")
        await expect(outcome).to_contain_text("Waiting for the first event")
        await looks_right(page, tmp_path, "connect")

        assert await report(page, product, key, usageAmount=-1) == 400
        await expect(outcome).to_contain_text("Refused", timeout=ARRIVES_MS)
        await expect(outcome).to_contain_text("usageAmount")
        await looks_right(page, tmp_path, "connect-refused")

        assert await report(page, product, key) == 202
        await expect(outcome).to_contain_text("Connected", timeout=ARRIVES_MS)
        await expect(outcome).to_contain_text("of call connect-1 of ines")
        await looks_right(page, tmp_path, "connect-connected")

        await page.get_by_role("button", name="Hide").click()
        await expect(page.get_by_text("Replace YOUR_KEY with the key")).to_be_focused()
        assert key not in await page.content()
        await page.reload()
        await expect(outcome).to_contain_text("Connected", timeout=ARRIVES_MS)
        assert key not in await page.content()
        await outcome.get_by_role("link", name="Open the call").click()
        await expect(page).to_have_url(re.compile("/calls/connect-1"))


async def test_event_without_a_user_is_shown_and_assigned(
    open_page: Open, product: Product, tmp_path: Path
) -> None:
    async with open_page("/connect?stack=http", "boss", role="admin") as page:
        await expect(page.get_by_role("radio", name="HTTP")).to_be_checked()
        await page.get_by_label("Use", exact=True).select_option("A new key")
        key = await create_key(page, "no-user")
        event = cost("connect-held", None, source="/no-user", **now(5))
        answer = await page.request.post(
            f"{product.url}/api/costs/events",
            data={**event, "time": event["time"].isoformat()},
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status == 202
        outcome = part(page, "First event").get_by_role("status")
        await expect(outcome).to_contain_text("No user", timeout=ARRIVES_MS)
        held = part(page, "Calls without a user")
        await expect(held.get_by_role("listitem")).to_contain_text("1 event", timeout=ARRIVES_MS)
        await looks_right(page, tmp_path, "connect-held")
        await held.get_by_label("User of call connect-held").fill("olga")
        await page.keyboard.press("Enter")
        await expect(held.get_by_text("was assigned to olga")).to_be_focused()
        await expect(outcome).to_contain_text("of call connect-held of olga", timeout=ARRIVES_MS)

        async def is_listed() -> bool:
            calls = await product.ask("GET", "/api/costs/user/olga/calls", None, "olga")
            return bool(calls["calls"])

        await until(is_listed)


async def test_address_of_a_vendor_is_made_and_its_refusals_are_shown(
    open_page: Open, product: Product, tmp_path: Path
) -> None:
    async with open_page("/connect?stack=vapi", "boss", role="admin") as page:
        await page.get_by_role("button", name="Create address").click()
        secret = page.get_by_label("Secret for Vapi")
        await expect(secret).to_be_focused()
        assert len(await secret.input_value()) > 20
        address = await part(page, "Address").get_by_role("group", name="Address").inner_text()
        assert address.startswith(f"{product.url}/api/webhooks/vapi/")
        outcome = part(page, "First webhook").get_by_role("status")
        await expect(outcome).to_contain_text("Waiting for the first webhook")
        assert (await page.request.post(address, data={"message": {}})).status == 401
        await expect(outcome).to_contain_text("Refused", timeout=ARRIVES_MS)
        await expect(outcome).to_contain_text("The header authorization is missing")
        await looks_right(page, tmp_path, "connect-vapi")
        await page.get_by_role("button", name="Hide").click()
        await expect(page.get_by_text("Its secret was shown once.")).to_be_focused()

        await page.get_by_role("radio", name="Retell").check()
        create = page.get_by_role("button", name="Create address")
        await expect(create).to_be_disabled()
        await page.get_by_label("Secret of the vendor").fill("short")
        await create.click()
        await expect(part(page, "Address")).to_contain_text("secret")


async def test_every_stack_fits_a_phone(open_page: Open) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    async with open_page("/connect", "boss", role="admin", **phone) as page:
        stacks = page.get_by_role("group", name="Your stack").get_by_role("radio")
        await expect(stacks.first).to_be_visible()
        assert await stacks.count() == 14
        for number in range(await stacks.count()):
            await stacks.nth(number).check()
            await expect(
                page.get_by_role("list").filter(has=page.locator("li")).first
            ).to_be_visible()
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_keys_that_cannot_be_loaded_can_be_loaded_again(open_page: Open) -> None:
    async with open_page("/", "boss", role="admin") as page:
        await page.route("**/api/admin/keys", lambda route: route.abort())
        await page.get_by_role("link", name="Connect").click()
        alert = part(page, "Key").get_by_role("alert")
        await expect(alert).to_contain_text("Couldn't load this.")
        await page.unroute("**/api/admin/keys")
        await alert.get_by_role("button", name="Try again").click()
        await expect(page.get_by_role("button", name="Create key")).to_be_visible()


async def test_only_administrators_connect(open_page: Open) -> None:
    async with open_page("/connect", "ida") as page:
        await expect(page.get_by_role("alert")).to_contain_text("for administrators")
        await expect(page.get_by_role("link", name="Connect")).to_have_count(0)
        await expect(page.get_by_role("button", name="Create key")).to_have_count(0)
