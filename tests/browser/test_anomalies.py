"""Anomalies on the pages Forecast and All users: order, charts, addresses and dismissals."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.anomalies import USD, check_day, check_for_anomalies, row, write_calls
from tests.support.product_processes import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

LOST = 12
DAY_CHART = re.compile(r"Cost on .*\$40\.06.* Usual range: \$0\.00 \S \$1\.0\d$")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def written(product: Product) -> None:
    """An expensive day of yan with an expensive call, and 12 calls without telephony."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    noon -= timedelta(days=1)
    days = [timedelta(days=ago) for ago in range(41)]
    odd = [row("yan-expensive", noon, "yan", elevenlabs=5 * USD)]
    for number, ago in enumerate(days[:LOST]):
        odd.append(row(f"yan-lost-{number}", noon - ago - timedelta(hours=1), "yan", twilio=0))
    url = product.pipeline.database_url
    await write_calls(
        url,
        *(row(f"yan-{ago.days}", noon - ago, "yan") for ago in days[1:]),
        *odd,
        row("yan-many", noon, "yan", deepgram=40 * USD, elevenlabs=0),
    )
    call_ids = [call.call_id for call in odd]
    await check_for_anomalies(url, *call_ids, now=noon + timedelta(hours=2))
    await check_day(url, "yan", now=noon)


def card(page: Page) -> Locator:
    return page.get_by_role("region", name="Anomalies", exact=True)


def items(page: Page) -> Locator:
    return card(page).get_by_role("listitem")


def title(item: Locator) -> Locator:
    return item.get_by_role("heading").get_by_role("link")


async def test_anomalies_are_in_the_order_of_their_time_with_charts(open_page: Open) -> None:
    async with open_page("/outlook", "yan") as page:
        await expect(items(page)).to_have_count(10)
        shown = await items(page).evaluate_all(
            "items => items.map(item => item.querySelector('time').dateTime)"
        )
        assert shown == sorted(shown, reverse=True)
        day = items(page).filter(has_text="Unusually expensive Deepgram day")
        await day.scroll_into_view_if_needed()
        await expect(day.get_by_role("img", name=DAY_CHART)).to_be_visible()
        expensive = items(page).filter(has_text="Unusually expensive ElevenLabs call")
        await expensive.scroll_into_view_if_needed()
        await expect(expensive).to_contain_text(
            re.compile(r"ElevenLabs\s*\$5\.00 \(usual \$0\.50\)")
        )
        assert not await faults(page)
        date = await day.locator("time").first.get_attribute("datetime")
        await day.get_by_role("link", name="(UTC)").click()
        await expect(page).to_have_url(re.compile(rf"/spending\?period={date}\.\.{date}$"))


async def test_linked_anomaly_and_list_length_survive_a_reload(open_page: Open) -> None:
    async with open_page("/outlook", "yan") as page:
        await card(page).get_by_role("button", name="Show older").click()
        await expect(items(page)).to_have_count(LOST + 2)
        await expect(page).to_have_url(re.compile(r"\?shown=14$"))
        oldest = items(page).last
        await title(oldest).click()
        await expect(oldest).to_have_attribute("aria-current", "true")
        anomaly_id = page.url.rsplit("anomaly=", 1)[1]
        await page.evaluate("scrollTo(0, 0)")
        await page.reload()
        await expect(items(page)).to_have_count(LOST + 2)
        await expect(oldest).to_have_attribute("aria-current", "true")
        await expect(oldest).to_be_in_viewport()
        # The list of a new tab is shorter, so it shows the linked anomaly first.
        tab = await page.context.new_page()
        await tab.goto(f"/outlook?anomaly={anomaly_id}")
        first = items(tab).first
        await expect(first).to_have_attribute("aria-current", "true")
        await expect(first).to_be_in_viewport()
        await expect(items(tab)).to_have_count(11)
        call = await oldest.get_by_role("link", name="Call").inner_text()
        await expect(first.get_by_role("link", name="Call")).to_have_text(call)
        assert not await faults(tab)
    async with open_page(f"/outlook?anomaly={anomaly_id}", "zed") as page:
        await expect(card(page)).to_contain_text("The linked anomaly can't be shown")


async def test_anomaly_is_dismissed_with_a_reason_and_the_dismissal_undone(
    open_page: Open,
) -> None:
    async with open_page("/everyone?kind=day_spike", "boss", role="admin") as page:
        await title(items(page).filter(has_text="yan")).click()
        await expect(page).to_have_url(re.compile(r"/outlook\?user=yan&anomaly=[0-9a-f-]{36}$"))
        current = card(page).locator("li[aria-current]")
        await expect(current).to_contain_text("Unusually expensive Deepgram day")
        await current.get_by_role("button", name="Dismiss").click()
        dismiss = current.get_by_role("button", name="Dismiss", exact=True)
        await dismiss.click()
        await expect(current).to_contain_text("Enter a reason.")
        await current.get_by_label("Reason").fill("Load test of May")
        await dismiss.click()
        await expect(current).to_contain_text("Dismissed by boss on")
        # Another filter leaves the linked anomaly first, still dismissed.
        await card(page).get_by_label("Kind of anomaly").select_option("Missing costs")
        await expect(items(page)).to_have_count(11)
        await expect(current).to_contain_text("Dismissed by boss on")
        await page.get_by_role("button", name="Stop showing yan").click()
        await expect(page).to_have_url(re.compile(r"/outlook\?kind=missing_leg$"))
    async with open_page("/outlook", "yan") as page:
        dismissed = items(page).filter(has_text="Load test of May")
        await expect(items(page)).to_have_count(10)
        await expect(dismissed).to_have_count(0)
        await card(page).get_by_label("Dismissed anomalies").select_option("Dismissed")
        await expect(dismissed).to_be_visible()
        await page.reload()
        await expect(page).to_have_url(re.compile(r"\?dismissed=yes$"))
        await expect(items(page)).to_have_count(1)
        assert not await faults(page)
        await dismissed.get_by_role("button", name="Undo").click()
        await expect(card(page).get_by_text("Open", exact=True)).to_be_visible()
        await page.reload()
        await expect(card(page)).to_contain_text("No matching anomalies")
