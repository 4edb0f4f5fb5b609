"""Filters and groups of costs by tag, persona, service and model, on Spending and on All users."""

import os
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from ledger.postgres.partitions import ensure_months, month_of
from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.browser.test_pages import CUT_TABLES, SIZES
from tests.support.product_processes import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

KEPT = os.environ.get("SCREENSHOTS")
WRITE = (
    """
    CREATE TEMP TABLE made AS
    SELECT 'tom-' || n AS call_id, 'p' || n % 2 || '_001' AS persona_id,
           $1::timestamptz - n * interval '1 hour' AS at, 100000000::bigint * (1 + n % 4) AS twilio,
           CASE WHEN n % 4 < 3
                THEN jsonb_build_object('campaign', (ARRAY['spring', 'autumn', 'winter'])[1 + n % 4],
                                        'agent_version', '1.4.' || n % 3) END AS tags
      FROM generate_series(1, 40) AS n
    """,
    """
    INSERT INTO calls (call_id, user_id, persona_id, status, duration_ms, first_at, started_at, ended_at,
                       updated_at, costs, charges, tags)
    SELECT call_id, 'tom', persona_id, 'completed', 61000, at, at, at, at,
           jsonb_build_object(at::date, jsonb_build_object('twilio', twilio, 'cerebras', 50000000)),
           jsonb_build_object(at::date, jsonb_build_array(4990000000, 0)), tags
      FROM made
    """,
    """
    INSERT INTO call_cost_events (identity, source, event_id, type, time, user_id, call_id, service,
                                  operation, model, usage, unit, cost_nano)
    SELECT gen_random_uuid(), '/tests', call_id, 'cost.recorded', at, 'tom', call_id, 'cerebras',
           'inference', 'llama3.1-8b', 500000, 'tokens', 50000000
      FROM made
    """,
    """
    INSERT INTO user_days
    SELECT 'tom', at::date, persona_id, count(*), sum(61000), sum(4990000000), 0
      FROM made GROUP BY at::date, persona_id
    """,
    """
    INSERT INTO user_day_costs
    SELECT 'tom', at::date, persona_id, service, sum(nano)
      FROM made, LATERAL (VALUES ('twilio', twilio), ('cerebras', 50000000)) AS c (service, nano)
     GROUP BY at::date, persona_id, service
    """,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _calls_of_tom(product: Product) -> AsyncIterator[None]:
    """Forty calls, ten each with a tag `campaign` of three values, and ten without tags."""
    newest = datetime.now(UTC) - timedelta(days=1)
    connection = await asyncpg.connect(product.pipeline.database_url)
    try:
        await ensure_months(connection, (month_of(newest - timedelta(hours=40)), month_of(newest)))
        async with connection.transaction():
            await connection.execute("SET LOCAL timezone TO 'UTC'")
            await connection.execute(WRITE[0], newest)
            for statement in WRITE[1:]:
                await connection.execute(statement)
    finally:
        await connection.close()
    yield


def groups(page: Page) -> Locator:
    return page.get_by_role("region", name="Costs by group")


def tile(page: Page, name: str) -> Locator:
    return page.locator(".tiles > *").filter(has_text=re.compile(f"^\\s*{name}"))


async def test_costs_are_grouped_by_a_tag_and_filtered_by_its_value(open_page: Open) -> None:
    async with open_page("/spending", "tom") as page:
        await expect(tile(page, "Calls")).to_contain_text("40")
        await groups(page).get_by_label("Per tag", exact=True).check()
        await expect(page).to_have_url(re.compile("groupBy=tag:agent_version"))
        await page.get_by_label("Key of the tag").fill("campaign")
        await page.get_by_label("Key of the tag").press("Enter")
        await expect(page).to_have_url(re.compile("groupBy=tag:campaign"))
        await expect(groups(page).locator("tbody tr")).to_have_count(4)
        await expect(groups(page).get_by_role("row", name="Without campaign")).to_contain_text("10")
        await groups(page).get_by_role("link", name="spring").click()
        await expect(page.get_by_role("button", name="campaign: spring")).to_be_visible()
        await expect(tile(page, "Calls")).to_contain_text("10")
        await expect(groups(page).locator("tbody tr")).to_have_count(1)
        await page.reload()
        await expect(tile(page, "Calls")).to_contain_text("10")
        calls = page.get_by_role("region", name="Calls in this period")
        await expect(calls.locator("tbody tr")).to_have_count(10)
        await calls.get_by_role("link", name="agent_version 1.4.1").first.click()
        await expect(page.get_by_role("button", name="agent_version: 1.4.1")).to_be_visible()
        await expect(page).to_have_url(
            re.compile("shown=|tag=campaign:spring%0Aagent_version:1.4.1")
        )
        await page.go_back()
        await expect(tile(page, "Calls")).to_contain_text("10")
        await page.get_by_role("button", name="Remove all").click()
        await expect(tile(page, "Calls")).to_contain_text("40")


async def test_filter_by_model_narrows_costs_and_hides_profit(open_page: Open) -> None:
    async with open_page("/spending?groupBy=model", "tom") as page:
        await expect(tile(page, "Gross profit")).to_be_visible()
        await groups(page).get_by_role("link", name="llama3.1-8b").click()
        await expect(tile(page, "Cost")).to_contain_text("$2.00")
        await expect(tile(page, "Charged")).to_contain_text("$199.60")
        await expect(tile(page, "Gross profit")).to_have_count(0)
        await expect(page.get_by_text("Costs of llama3.1-8b only.")).to_be_visible()


async def test_tag_is_typed_and_errors_are_shown(open_page: Open) -> None:
    async with open_page("/spending", "tom") as page:
        field = page.get_by_role("textbox", name="Filter by tag")
        await field.fill("Campaign")
        await field.press("Enter")
        await expect(page.get_by_text("Enter a key and a value, such as")).to_be_visible()
        await field.fill("campaign: autumn")
        await field.press("Enter")
        await expect(tile(page, "Calls")).to_contain_text("10")
        async with page.expect_download() as waiting:
            await page.get_by_role("button", name="Download CSV").click()
        text = Path(await (await waiting.value).path()).read_text()
        assert sum(int(line.split(",")[1]) for line in text.splitlines()[1:]) == 10
        await page.get_by_role("button", name="campaign: autumn").press("Enter")
        await expect(tile(page, "Calls")).to_contain_text("40")


async def test_tag_of_a_call_leads_to_the_calls_with_it(open_page: Open) -> None:
    async with open_page("/calls/tom-1", "tom") as page:
        await page.get_by_role("link", name="campaign autumn").click()
        await expect(page.get_by_role("button", name="campaign: autumn")).to_be_visible()
        await expect(tile(page, "Calls")).to_contain_text("10")


async def test_administrator_filters_all_users(open_page: Open) -> None:
    async with open_page("/everyone?tag=campaign:winter", "root", role="admin") as page:
        await expect(tile(page, "Calls")).to_contain_text("10")
        await expect(page.get_by_role("region", name="Top costs", exact=True)).to_have_count(0)
        await groups(page).get_by_label("Per service", exact=True).check()
        await groups(page).get_by_role("link", name="Twilio").click()
        await expect(tile(page, "Cost")).to_contain_text("$3.00")
        await page.get_by_role("button", name="Remove all").click()
        await expect(tile(page, "Calls")).to_contain_text("40")
        await expect(page.get_by_role("region", name="Top costs", exact=True)).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
async def test_filtered_pages_are_accessible_and_within_their_width(
    open_page: Open, size: str, theme: str
) -> None:
    look: dict[str, Any] = {"color_scheme": theme, **SIZES[size]}
    for path, user in (("/spending", "tom"), ("/everyone", "root")):
        query = "?tag=campaign:spring%0Aagent_version:1.4.0&groupBy=tag:agent_version"
        role = "admin" if user == "root" else "user"
        async with open_page(f"{path}{query}", user, role=role, **look) as page:
            await expect(groups(page).locator("tbody tr").first).to_be_visible()
            if KEPT:
                name = f"filters-{path[1:]}-{size}-{theme}.png"
                await page.screenshot(path=Path(KEPT) / name, full_page=True)
            assert await faults(page) == []
            assert await page.evaluate(CUT_TABLES) == []
            width = "document.documentElement.scrollWidth <= window.innerWidth"
            assert await page.evaluate(width)
