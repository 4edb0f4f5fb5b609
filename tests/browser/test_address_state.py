"""The address of a page: reload, back and forward, and links in new tabs keep what it shows."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Open
from tests.support.product_processes import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]


async def heading(page: Page, name: str) -> None:
    await expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def period(page: Page, name: str) -> Locator:
    return page.get_by_role("radio", name=name, exact=True)


def link(page: Page, name: str) -> Locator:
    return page.get_by_role("navigation", name="Pages").get_by_role("link", name=name)


async def open_in_new_tab(page: Page, name: str) -> Page:
    """Ctrl-click a link of the navigation; return the new tab, which no script opened."""
    async with page.context.expect_page() as waiting:
        await link(page, name).click(modifiers=["Control"])
    return await waiting.value


async def test_reload_back_and_forward_keep_the_period(open_page: Open) -> None:
    async with open_page("/spending", "ann") as page:
        await expect(period(page, "30 days")).to_be_checked()
        await period(page, "7 days").check()
        await expect(page).to_have_url(re.compile(r"/spending\?period=7d$"))
        await period(page, "Last month").check()
        await expect(page).to_have_url(re.compile(r"period=last-month$"))
        await page.reload()
        await expect(period(page, "Last month")).to_be_checked()
        await page.go_back()
        await expect(period(page, "7 days")).to_be_checked()
        await page.go_back()
        await expect(period(page, "30 days")).to_be_checked()
        await page.go_forward()
        await expect(period(page, "7 days")).to_be_checked()
        await period(page, "Custom").check()
        await page.get_by_label("Start date").fill("2026-01-05")
        await page.keyboard.press("Tab")
        await expect(page).to_have_url(re.compile(r"period=2026-01-05\.\.\d{4}-\d\d-\d\d$"))
        await page.reload()
        await expect(page.get_by_label("Start date")).to_have_value("2026-01-05")


async def test_admin_keeps_user_and_period_while_pages_change(
    open_page: Open, product: Product
) -> None:
    await product.put("/api/costs/user/ali/budget", b'{"dailyLimit_usd": 5}', "ali")
    async with open_page("/spending?user=ali&period=7d", "boss", role="admin") as page:
        await heading(page, "Spending: ali")
        await link(page, "Forecast").click()
        await heading(page, "Forecast: ali")
        await page.reload()
        await heading(page, "Forecast: ali")
        await link(page, "Spending").click()
        await heading(page, "Spending: ali")
        await expect(period(page, "7 days")).to_be_checked()
        await page.go_back()
        await heading(page, "Forecast: ali")
        await expect(page).to_have_url(re.compile(r"/outlook\?user=ali&period=7d$"))


async def test_another_user_in_the_address_shows_nothing_to_a_user(open_page: Open) -> None:
    async with open_page("/spending?user=ali", "mallory") as page:
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        await page.reload()
        await heading(page, "Spending")
        await expect(page.get_by_text("No costs in this period", exact=True)).to_be_visible()
        assert any("/user/mallory/" in url for url in requested)
        assert not any("/user/ali/" in url for url in requested)


async def test_link_in_a_new_tab_stays_signed_in_without_a_token_in_any_address(
    open_page: Open,
) -> None:
    async with open_page("/spending?period=90d", "cara") as page:
        await heading(page, "Spending")
        requested: list[str] = []
        page.context.on("request", lambda request: requested.append(request.url))
        tab = await open_in_new_tab(page, "Budget")
        await heading(tab, "Budget")
        await expect(tab.get_by_role("banner")).to_contain_text("cara")
        assert tab.url.endswith("/budget?period=90d")
        await expect(tab.get_by_text("Connected", exact=True)).to_be_visible()
        await tab.reload()
        await heading(tab, "Budget")
        token = await page.evaluate("sessionStorage.getItem('cost-analytics.token')")
        assert token.count(".") == 2
        assert requested
        assert not any(token in url or "token=" in url for url in requested)


async def test_new_tab_gets_the_token_of_the_tab_that_opened_it(
    open_page: Open, product: Product
) -> None:
    async with open_page("/spending", "dan") as page:
        await heading(page, "Spending")
        other = await page.context.new_page()
        await other.goto(f"/spending#token={product.token('eva')}")
        await heading(other, "Spending")
        for opener, user in ((page, "dan"), (other, "eva"), (page, "dan")):
            await opener.bring_to_front()
            tab = await open_in_new_tab(opener, "Budget")
            await expect(tab.get_by_role("banner")).to_contain_text(user)
            await tab.close()


async def test_sign_out_ends_every_tab_with_the_token_and_no_other(
    open_page: Open, product: Product
) -> None:
    async with open_page("/spending", "fin") as page:
        await heading(page, "Spending")
        tab = await open_in_new_tab(page, "Budget")
        await heading(tab, "Budget")
        other = await page.context.new_page()
        await other.goto(f"/budget#token={product.token('gus')}")
        await heading(other, "Budget")
        await page.get_by_role("button", name="Sign out").click()
        await expect(tab.get_by_role("alert")).to_contain_text("signed out in another tab")
        await expect(other.get_by_role("banner")).to_contain_text("gus")
        # Not signed in again as the user of the third tab.
        for signed_out in (page, tab):
            await signed_out.reload()
            await heading(signed_out, "Cost Analytics")


async def test_another_browser_profile_gets_no_token(open_page: Open) -> None:
    async with open_page("/spending", "hal") as page, open_page("/spending") as stranger:
        await heading(page, "Spending")
        await heading(stranger, "Cost Analytics")
        await stranger.reload()
        await heading(stranger, "Cost Analytics")
        await expect(stranger.get_by_label("Token")).to_be_visible()


async def test_filters_of_other_pages_survive_a_reload(open_page: Open) -> None:
    async with open_page("/prices", "boss", role="admin") as page:
        await page.get_by_label("Service").last.select_option("Twilio")
        await page.get_by_label("Show past prices").check()
        await expect(page).to_have_url(re.compile(r"service=twilio&past=yes"))
        await page.reload()
        await expect(page.get_by_label("Show past prices")).to_be_checked()
        rows = page.get_by_role("region", name="Prices", exact=True).get_by_role("row")
        await expect(rows.filter(has_text="Deepgram")).to_have_count(0)
        await expect(rows.filter(has_text="Twilio").first).to_be_visible()
