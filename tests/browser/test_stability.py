"""What a page does when the API is away, at a wrong address, and over time."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.support.events import cost
from tests.support.parts import figures
from tests.support.product_processes import Product, now

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

NOTICED_SECONDS_MAX = 10
REFRESHED_MS = 40_000


@contextmanager
def frozen(product: Product) -> Iterator[None]:
    """Stop the API's process for the duration of the block; its connections stay open."""
    pid = product.process("api").pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.alone
@pytest.mark.parametrize("path", ["/", "/budget"])
async def test_frozen_api_is_noticed(open_page: Open, product: Product, path: str) -> None:
    async with open_page(path, "fred") as page:
        await expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        with frozen(product):
            began = time.monotonic()
            await expect(page.get_by_text("Connection lost.")).to_be_visible()
            took = time.monotonic() - began
            figures.append(f"frozen API noticed at {path} after {took:.1f} s")
            assert took < NOTICED_SECONDS_MAX
        await expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        await expect(page.get_by_text("Connection lost.")).to_have_count(0)


@pytest.mark.parametrize("user", ["gwen", None])
async def test_wrong_address_shows_a_page(open_page: Open, user: str | None) -> None:
    for path in ("/spendings", "/calls/a/b"):
        async with open_page(path, user) as page:
            heading = page.get_by_role("heading", level=1, name="Page not found")
            await expect(heading).to_be_visible()
            await expect(page.get_by_role("main")).to_contain_text(path)
            await expect(page).to_have_title(re.compile("Page not found"))
            response = await page.reload()
            assert response is not None
            assert response.status == 404
            await page.get_by_role("link", name="Go to Live").click()
            await expect(heading).to_have_count(0)


@pytest.mark.parametrize("path", ["/everyone", "/prices", "/calls/no-such-call"])
async def test_refusal_offers_no_useless_retry(open_page: Open, path: str) -> None:
    async with open_page(path, "hugo") as page:
        await expect(page.get_by_role("alert").first).to_contain_text("This can't be shown.")
        await expect(page.get_by_role("button", name="Try again")).to_have_count(0)


@pytest.mark.parametrize("path", ["/spending", "/outlook", "/budget", "/everyone", "/prices"])
async def test_page_shows_when_it_was_updated(open_page: Open, path: str) -> None:
    async with open_page(path, "boss", role="admin") as page:
        await expect(page.locator(".page-head")).to_contain_text(re.compile(r"Updated \d+:\d\d"))


async def test_page_refreshes_itself_and_shows_when_it_cannot(
    open_page: Open, product: Product
) -> None:
    async with open_page("/spending", "iris") as page:
        head = page.locator(".page-head")
        await expect(page.get_by_text("No costs in this period", exact=True)).to_be_visible()
        await page.route("**/spending?*", lambda route: route.abort())
        await expect(head).to_contain_text("Couldn't refresh; updated", timeout=REFRESHED_MS)
        await expect(page.get_by_text("No costs in this period", exact=True)).to_be_visible()
        await product.send(cost("of-iris", "iris", totalCost="3", **now()))
        await page.unroute("**/spending?*")
        await expect(page.locator(".tile").first).to_contain_text("$3.0", timeout=REFRESHED_MS)
        await expect(head).not_to_contain_text("Couldn't refresh")
