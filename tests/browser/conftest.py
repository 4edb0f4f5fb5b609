"""A headless browser of the machine, and the whole product, once for each module."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from api.http.options import BUILT_DASHBOARD
from api.http.roles import Role
from devkit.embedded.tansu import EmbeddedTansu
from tests.browser.history import write_history
from tests.support.background_loop import BackgroundLoop
from tests.support.databases import DatabaseCloner
from tests.support.parts import skip_without
from tests.support.product_processes import Product
from tests.support.streaming import Pipeline

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The longest time of a step in the browser, in milliseconds.
PATIENCE_MS = 30_000

Open: TypeAlias = Callable[..., AbstractAsyncContextManager[Page]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """The Chromium of the machine; nothing is downloaded."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        skip_without("Chromium", "it is the package `chromium` on Debian")
    if not (BUILT_DASHBOARD / "index.html").exists():
        skip_without("the built dashboard", "it is made by `tools/web build`")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def pipeline(
    background: BackgroundLoop, databases: DatabaseCloner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    """A broker and a database of the module's own."""
    server = EmbeddedTansu(tmp_path_factory.mktemp("broker"))
    background.run(server.start())
    with databases.clone() as url:
        yield Pipeline(server.bootstrap, idempotent=False, database_url=url)
    background.run(server.stop())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(
    pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    """The running product."""
    product = Product(pipeline, tmp_path_factory.mktemp("product"))
    try:
        await pipeline.reset_topics()
        product.start("worker")
        product.start("api")
        await product.until_ready()
        yield product
    finally:
        product.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product_with_history(product: Product) -> Product:
    """The product with some days of calls, active calls, a budget nearly spent, and channels."""
    await write_history(product)
    return product


@pytest.fixture
def open_page(browser: Browser, product: Product) -> Open:
    """Open pages, each in its own browser profile; console errors fail the test."""

    @asynccontextmanager
    async def open_page(
        path: str = "/", user: str | None = None, *, role: Role = "user", **context: Any
    ) -> AsyncIterator[Page]:
        options = {"locale": "en-US", "timezone_id": "UTC", **context}
        profile = await browser.new_context(base_url=product.url, **options)
        profile.set_default_timeout(PATIENCE_MS)
        page = await profile.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda result: (
                complaints.append(result.text) if "Content Security" in result.text else None
            ),
        )
        signed_in = f"#token={product.token(user, role)}" if user else ""
        await page.goto(f"{path}{signed_in}")
        try:
            yield page
            assert not complaints
        finally:
            await profile.close()

    return open_page
