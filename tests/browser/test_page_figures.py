"""Figures of every page: layout shift, requests, transferred KB, time to interactive on a slow CPU.

`make pages` prints them, with the CPU and the heap of the page Live over ten minutes.
"""

import pytest

from tests.browser.conftest import Open
from tests.browser.measuring import CPU_THROTTLING, measure_reload
from tests.browser.test_pages import PAGES, SIZES, open_and_wait, visit_of
from tests.support.parts import figures
from tests.support.product_processes import Product

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

SHIFT_MAX = 0.1
"""Cumulative layout shift, as browsers compute it; "good" by their own measure."""
FIRST_PAGES = {"sign-in", "now"}
FIRST_PAGE_KB_MAX = 100


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
async def test_pages_load_without_layout_shift_and_first_pages_are_small(
    open_page: Open, product_with_history: Product, name: str, size: str
) -> None:
    """The page is reloaded with all its data, without a cache, on a throttled CPU."""
    path, who, role = visit_of(name)
    async with open_page(path, who, role=role, **SIZES[size]) as page:
        await open_and_wait(page, name)
        measured = await measure_reload(page)
        shift = measured.shift_millionths / 1_000_000
        figures.append(
            f"page {name}, {size}: layout shift {shift:.3f}, {measured.requests} requests,"
            f" {measured.file_bytes / 1_000:.0f} KB of files and"
            f" {measured.data_bytes / 1_000:.0f} KB of data, {measured.interactive_text}"
            f" with the CPU slowed down {CPU_THROTTLING} times"
        )
        assert shift < SHIFT_MAX
        if name in FIRST_PAGES:
            assert measured.file_bytes <= FIRST_PAGE_KB_MAX * 1_000
