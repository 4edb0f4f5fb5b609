"""Checks the accessibility of a page with axe."""

from playwright.async_api import Page

from tests.support.house import ROOT

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"


async def faults(page: Page, *, minor: bool = False) -> list[str]:
    """Return what axe reports about a page as serious or worse; with `minor` all of it."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        if minor or violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]
