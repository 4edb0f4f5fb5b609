"""Every page in both themes, on a desktop and a phone: accessible, and within its width.

`make screenshots` runs this with SCREENSHOTS=docs/screenshots and keeps the pictures.
"""

import os
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Page, expect

from api.http.roles import Role
from devkit.simulation.participants import DEMO_USER
from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.product_processes import Product
from tests.support.recording import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

KEPT = os.environ.get("SCREENSHOTS")
LIVE_SECONDS = 45 if KEPT else 2
SIZES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 860}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAGES = [
    "sign-in",
    "now",
    "spending",
    "outlook",
    "call",
    "budget",
    "everyone",
    "prices",
    "connect",
    "control",
    "docs",
    "messages",
    "not-found",
]
"""In this order: the first pictures need a browser that is not signed in."""
FOR_ADMINS = {"everyone", "prices", "connect", "control"}
LONG = {"spending", "outlook", "call", "prices", "docs", "messages"}
"""The pictures of these pages show the part that is visible without scrolling."""
REFERENCES = {
    "docs": ("Get a user's spending", "Shell command"),
    "messages": ("cost.recorded, structured mode", "Example"),
}
"""The entry to open on each page of the reference, and what it then shows."""
SCROLL_THROUGH = """async () => {
  for (let y = 0; y < document.body.scrollHeight; y += innerHeight) {
    scrollTo(0, y);
    await new Promise(requestAnimationFrame);
  }
}"""
"""Loads the charts of anomalies, which load when they are near."""
CUT_TABLES = """[...document.querySelectorAll("table")]
    .filter((table) => table.scrollWidth > table.parentElement.clientWidth + 1)
    .map((table) => table.closest("section")?.innerText.slice(0, 40))"""
"""Tables that stick out of their box, by the start of their section's text."""


def visit_of(name: str) -> tuple[str, str | None, Role]:
    """Return a page's address, and the user and the role that open it."""
    paths = {"sign-in": "/", "now": "/", "call": "/spending", "messages": "/docs/messages"}
    path = paths.get(name, f"/{name}")
    if name in FOR_ADMINS:
        return path, "admin", "admin"
    return path, None if name == "sign-in" else DEMO_USER, "user"


async def open_and_wait(page: Page, name: str) -> None:
    """Go to a page and wait for its content."""
    if name == "sign-in":
        await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    elif name == "now":
        calls = page.get_by_role("list", name="Active calls").get_by_role("link")
        await expect(calls.first).to_be_visible()
        await page.wait_for_timeout(LIVE_SECONDS * 1_000)
    elif name == "call":
        await page.goto("/spending")
        table = page.get_by_role("region", name="Calls in this period")
        await table.get_by_role("row", name="$4.99").first.get_by_role("link").first.click()
        await expect(page.get_by_role("img", name="Cost of the call")).to_be_visible()
    elif name == "outlook":
        await expect(page.get_by_role("img", name="Running total of cost")).to_be_visible()
        await expect(page.get_by_role("list", name="Savings")).to_be_visible()
        await expect(page.get_by_text("Missing telephony cost").first).to_be_visible()
    elif name == "prices":
        await expect(page.get_by_role("region", name="Prices", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Preview").click()
        await expect(page.get_by_role("region", name="Changes by service")).to_be_visible()
    elif name in {"connect", "control"}:
        shown = {
            "connect": page.get_by_role("region", name="Key", exact=True),
            "control": page.get_by_role("list", name="Commands"),
        }
        await expect(shown[name]).to_be_visible()
    elif name in REFERENCES:
        entry, region = REFERENCES[name]
        await page.get_by_text(entry).click()
        await expect(page.get_by_role("region", name=region)).to_be_visible()
    elif name == "budget":
        await expect(page.get_by_role("meter").first).to_be_visible()
        await expect(page.get_by_text("demo@example.com", exact=True)).to_be_visible()
    elif name == "not-found":
        await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    else:
        await expect(page.get_by_role("img", name="Daily cost")).to_be_visible()


async def has_loaded(page: Page) -> bool:
    """Scroll through a page and return whether it shows everything."""
    await page.evaluate(SCROLL_THROUGH)
    return not await page.get_by_text("Loading…").count()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
async def test_page_fits_its_screen_and_is_accessible_in_both_themes(
    open_page: Open, product_with_history: Product, tmp_path: Path, name: str, size: str
) -> None:
    path, who, role = visit_of(name)
    async with open_page(path, who, role=role, color_scheme="light", **SIZES[size]) as page:
        await open_and_wait(page, name)
        # Not `innerWidth`: mobile browsers enlarge it to the width of the content.
        across = await page.evaluate("document.documentElement.scrollWidth")
        wide = across - SIZES[size]["viewport"]["width"]
        assert wide <= 0, f"{wide} pixels stick out"
        if size == "phone":
            assert await page.evaluate(CUT_TABLES) == []
        await until(lambda: has_loaded(page))
        folder = Path(KEPT) if KEPT else tmp_path
        folder.mkdir(exist_ok=True)
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)
            assert not await faults(page, minor=True)
            picture = folder / f"{name}-{theme}{'-phone' if size == 'phone' else ''}.png"
            await page.evaluate("scrollTo(0, 0)")
            await page.mouse.move(0, 0)
            await page.screenshot(path=picture, full_page=name not in LONG)
            assert picture.stat().st_size > 5_000
