"""The dashboard while the worker, then the API, is killed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.support.events import cost, started
from tests.support.parts import figures
from tests.support.product_processes import Product, now

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

RECOVERED_MS = 10_000
OUTAGE_SECONDS = 3
# Records every cost that the row of the call shows.
WATCH = """() => {
  window.seen = [];
  const look = () => {
    const amount = document.querySelector(".calls .amount");
    if (amount && window.seen.at(-1) !== amount.textContent) window.seen.push(amount.textContent);
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
  look();
}"""


@asynccontextmanager
async def active_call(product: Product, call: str, user: str) -> AsyncIterator[list[int]]:
    """Keep a call active: a minute of telephony three times a second; counts the events."""
    sent = [0]

    async def send_costs() -> None:
        while True:
            await product.send(cost(call, user, usage=1, unit="minutes", **now()))
            sent[0] += 1
            await asyncio.sleep(0.3)

    await product.send(started(call, user, **now()))
    call_task = asyncio.create_task(send_costs())
    try:
        yield sent
    finally:
        call_task.cancel()
        with suppress(asyncio.CancelledError):
            await call_task


async def shows_at_least(page: Page, minutes: int) -> None:
    """Wait until the row of the call shows the cost of at least this many minutes."""
    await page.wait_for_function(
        """(least) => {
          const amount = document.querySelector(".calls .amount");
          return amount && Number(amount.title.replace("$", "")) >= least;
        }""",
        arg=0.035 + 0.014 * minutes - 1e-9,
        timeout=RECOVERED_MS,
    )


@pytest.mark.parametrize("part", ["worker", "api"])
async def test_dashboard_recovers_without_a_reload(
    open_page: Open, product: Product, part: str
) -> None:
    user, call = f"user-{part}", f"call-{part}"
    async with open_page("/", user) as page, active_call(product, call, user) as sent:
        await expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        await shows_at_least(page, 2)
        await page.evaluate(WATCH)
        product.kill(part)
        if part == "api":
            notice = page.get_by_text("Connection lost.")
            await expect(notice).to_be_visible(timeout=RECOVERED_MS)
            await expect(page.get_by_text("Reconnecting…", exact=True)).to_be_visible()
        await asyncio.sleep(OUTAGE_SECONDS)
        behind = sent[0]
        product.start(part)
        await product.until_ready()
        returned = time.monotonic()
        await shows_at_least(page, behind)
        took = time.monotonic() - returned
        await expect(page.get_by_text("Connected", exact=True)).to_be_visible(timeout=RECOVERED_MS)
        await expect(page.get_by_text("Connection lost.")).to_have_count(0)
        seen = [float(amount.replace("$", "")) for amount in await page.evaluate("seen")]
        assert seen == sorted(seen), "a cost went back"
        figures.append(f"dashboard after the {part} was killed: recovered in {took:.1f} s")
