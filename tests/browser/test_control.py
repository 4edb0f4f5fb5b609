"""Ending calls: by a limit, by hand with a confirmation, and the administrators' page of commands."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from api.http.roles import Role
from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.commands import command_worker, router, until_closed
from tests.support.events import Plain, cost, event, started
from tests.support.product_processes import Product, now
from tests.support.recording import fetch, until
from tests.support.vendor_servers import following, vendor_server

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

PICTURES = os.environ.get("CONTROL_PICTURES")
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


def call_at_twilio(call: str) -> list[Plain]:
    vendor = {"callId": call, "provider": "twilio", "providerCallId": f"twilio:{call}"}
    return [
        started(call, "cora", **now(60)),
        event("call.updated", vendor, **now(50)),
        cost(call, "cora", **now(30)),
    ]


async def _commands(product: Product, count: int) -> bool:
    rows = await fetch(product.pipeline.database_url, "SELECT FROM call_commands")
    return len(rows) >= count


async def _is_counted(product: Product, call: str) -> bool:
    query = "SELECT FROM calls WHERE call_id = $1 AND event_count >= 3"
    return bool(await fetch(product.pipeline.database_url, query, call))


async def put(product: Product, path: str, user: str, role: Role = "user", **body: Any) -> None:
    await product.ask("PUT", path, json.dumps(body).encode(), user, role)


def command(page: Page, call: str) -> Locator:
    return page.get_by_role("list", name="Commands").get_by_role("listitem").filter(has_text=call)


async def test_calls_are_ended_and_administrators_see_how(
    open_page: Open, product: Product
) -> None:
    url = product.pipeline.database_url
    await put(product, "/api/costs/user/cora/budget", "cora", maxCostPerCall_usd=0.01)
    await product.send(*call_at_twilio("over-limit"))
    await until(lambda: _commands(product, 1))
    await put(product, "/api/costs/user/cora/budget", "cora", maxCostPerCall_usd=None)
    await product.send(*call_at_twilio("talking"))
    await until(lambda: _is_counted(product, "talking"))
    async with vendor_server("twilio", following("500")) as server:
        async with command_worker(url, router({"twilio": server})):
            await until_closed(url, 1)
        async with open_page("/calls/over-limit", "cora") as page:
            await expect(page.get_by_text("Ended by its limit")).to_be_visible()
            await expect(page.get_by_role("button", name="End call")).to_have_count(0)
            await expect(page.get_by_text("Ended by limit", exact=True)).to_be_visible()
            await check(page, "ended-by-limit")
            await _look_at_list(page)
            await page.goto("/calls/talking")
            await page.get_by_role("button", name="End call").click()
            question = page.get_by_role("group", name="End this call now?")
            await expect(question.get_by_role("button", name="Cancel")).to_be_focused()
            await check(page, "end-call-question")
            await question.get_by_role("button", name="End call").click()
            await expect(page.get_by_text("Being ended by hand…")).to_be_visible()
            async with command_worker(url, router({"twilio": server})):
                await expect(page.get_by_text("Ended by hand", exact=True)).to_be_visible()
            await check(page, "ended-by-hand")
        assert server.executions == {"twilio:over-limit": 1, "twilio:talking": 1}
    await _look_at_commands(open_page, product)


async def _look_at_list(page: Page) -> None:
    """Check that the list of calls marks the call that a limit ended, and no other."""
    await page.goto("/spending")
    rows = page.get_by_role("region", name="Calls in this period").get_by_role("row")
    ended = rows.filter(has=page.locator('a[title="over-limit"]'))
    await expect(ended.get_by_title("Ended by its $0.01 limit")).to_be_visible()
    await expect(page.get_by_text("Ended by limit", exact=True)).to_have_count(1)
    await check(page, "calls-ended-by-limit")


async def _look_at_commands(open_page: Open, product: Product) -> None:
    """Check the administrators' page, and stop all commands there."""
    async with open_page("/control", "boss", role="admin") as page:
        await expect(command(page, "over-limit")).to_contain_text("Call limit reached")
        await expect(command(page, "talking")).to_contain_text("requested by user cora")
        await command(page, "over-limit").get_by_text("2 attempts through twilio").click()
        await expect(command(page, "over-limit")).to_contain_text("Failed, tries again (500)")
        await expect(command(page, "over-limit")).to_contain_text("Accepted (200)")
        await page.get_by_role("radio", name="Stopped").check()
        await page.get_by_role("button", name="Change to Stopped").click()
        await expect(page.get_by_text("Enter a reason.")).to_be_visible()
        await page.get_by_label("Reason").fill("Calls end that should not")
        await check(page, "control")
        await page.get_by_role("button", name="Change to Stopped").click()
        effect = "Commands wait, and expire after their deadline."
        await expect(page.get_by_text(effect)).to_be_visible()
        await page.get_by_text("Changes", exact=True).click()
        await expect(page.get_by_text("admin boss: Calls end that should not")).to_be_visible()
        await check(page, "control-stopped")
        await page.get_by_label("State").select_option("Failed")
        await expect(page.get_by_text("No commands")).to_be_visible()
    mode = {"mode": "execute", "reason": "After the test"}
    await put(product, "/api/admin/commands/mode", "boss", "admin", **mode)
