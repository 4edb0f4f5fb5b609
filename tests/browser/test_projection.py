"""What an active call is projected to cost, in a browser over the real product."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.events import cost, ended, started
from tests.support.product_processes import Product, now
from tests.support.recording import until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

SPEECH = {"service": "elevenlabs", "operation": "tts", "unit": "characters"}


async def test_projection_shows_its_range_and_how_it_is_computed(
    open_page: Open, product: Product
) -> None:
    for number, usd in enumerate(("0.60", "0.80", "1.00", "1.20", "1.40")):
        at = {"time": datetime.now(UTC) - timedelta(hours=number + 1)}
        name, persona = f"pia-{number}", {"persona": "of-pia"}
        await product.send(
            started(name, "pia", **persona, **at),
            cost(name, "pia", usage=1_000, totalCost=usd, **SPEECH, **at),
            ended(name, "pia", duration_seconds=120, **at),
        )

    async def all_ended() -> bool:
        found = (await product.ask("GET", "/api/costs/user/pia/calls", None, "pia"))["calls"]
        return len(found) == 5 and all(call["status"] == "completed" for call in found)

    await until(all_ended)
    async with open_page("/", "pia") as page:
        await expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        await product.send(started("pia-live", "pia", persona="of-pia", **now(20)))
        row = page.get_by_role("list", name="Active calls").get_by_role("link")
        await expect(row).to_have_count(1)
        # The persona is read once it is known; the next change of the call has the projection.
        speech = cost("pia-live", "pia", usage=10, totalCost="0.10", **SPEECH, **now(1))
        await product.send(speech)
        # The speech of usual calls, the share of the infrastructure, and the fee for 4.99.
        await expect(row).to_contain_text(re.compile(r"about \$1\.[3-6]\d at hang-up"))
        await expect(row).to_contain_text(
            re.compile("[(][$][01][.][0-9]{2} \N{EN DASH} [$]1[.][0-9]{2}[)]")
        )
        await expect(page.locator(".tile", has_text="Projected cost")).to_contain_text("$1.")
        assert not await faults(page)
        await row.click()
        card = page.get_by_role("region", name="Projected at hang-up")
        await expect(card).to_contain_text("8 in 10 such calls cost")
        await card.get_by_text("How we calculated this").click()
        await expect(card.get_by_role("row", name="So far")).to_contain_text("$0.14")
        await expect(card.get_by_role("row", name="Until hang-up")).to_contain_text("until 2:00")
        await expect(card.get_by_role("row", name="Once, at the end")).to_contain_text("$0.44")
        await expect(card).to_contain_text("Based on the last 5 calls with this persona.")
        assert not await faults(page)


async def test_call_without_earlier_calls_is_not_estimated(
    open_page: Open, product: Product
) -> None:
    async with open_page("/", "nia") as page:
        await expect(page.get_by_text("Connected", exact=True)).to_be_visible()
        await product.send(started("nia-live", "nia", persona="of-nia", **now(5)))
        row = page.get_by_role("list", name="Active calls").get_by_role("link")
        await expect(row).to_contain_text("not estimated yet")
        tile = page.locator(".tile", has_text="Projected cost")
        await expect(tile).to_contain_text("1 call not estimated yet")
        await page.get_by_text("How projections are calculated").click()
        await expect(page.get_by_text("final cost of 8 in 10 calls")).to_be_visible()
        await row.click()
        card = page.get_by_role("region", name="Projected at hang-up")
        await expect(card).to_contain_text("Not estimated yet")
