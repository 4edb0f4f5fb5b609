"""An administrator creates a key on the page All users, uses it, and revokes it."""

import asyncio
import json
import re
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from playwright.async_api import expect

from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.support.product_processes import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]


def status_of(product: Product, key: str) -> int:
    """Return the status of a request with a key: 400, for an empty body, if the key is accepted."""
    headers = {"Authorization": f"Bearer {key}"}
    request = Request(f"{product.url}/api/costs/events", b"[]", headers, method="POST")
    with pytest.raises(HTTPError) as failure:
        urlopen(request, timeout=10)
    assert json.load(failure.value)["success"] is False
    return failure.value.code


async def test_key_is_shown_once_and_can_be_revoked(open_page: Open, product: Product) -> None:
    async with open_page("/everyone", "boss", role="admin") as page:
        card = page.get_by_role("region", name="API keys")
        await card.get_by_label("Service").fill("voice-bot")
        await card.get_by_label("Authorize calls").check()
        await card.get_by_role("button", name="Create key").click()
        secret = card.get_by_label("Key of voice-bot")
        await expect(secret).to_be_focused()
        key = await secret.input_value()
        assert re.fullmatch(r"cak_[\w-]{43}", key)
        assert await asyncio.to_thread(status_of, product, key) == 400
        listed = card.get_by_role("list", name="API keys").get_by_role("listitem")
        await expect(listed).to_have_count(1)
        await expect(listed).to_contain_text("Send events, Authorize calls")
        await card.get_by_role("button", name="Hide").click()
        await expect(card.get_by_text("Key hidden.")).to_be_focused()
        await page.reload()
        await expect(listed).to_have_count(1)
        assert key not in await page.content()
        assert await faults(page) == []

        await card.get_by_role("button", name="Revoke").click()
        await card.get_by_role("button", name="Revoke", exact=True).click()
        await expect(listed).to_contain_text("Revoked")
        await expect(card.get_by_text("was revoked.")).to_be_focused()
        await asyncio.sleep(1)
        assert await asyncio.to_thread(status_of, product, key) == 401
