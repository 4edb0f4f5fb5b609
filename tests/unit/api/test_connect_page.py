"""The page Connect names only vendors whose webhooks are accepted, and all of them."""

import re
from pathlib import Path

import api
from api.webhooks.providers import PROVIDERS

STACKS = Path(api.__file__).parent.parent / "web" / "src" / "connect" / "stacks.ts"
ANY_SERVICE = "mapped"
"""A provider for services without a row: its settings are written by hand."""


def test_each_vendor_has_a_row_and_each_page_exists() -> None:
    text = STACKS.read_text(encoding="utf-8")
    assert {*re.findall(r'provider: "(\w+)"', text)} == PROVIDERS.keys() - {ANY_SERVICE}
    pages = {page.partition("#")[0] for page in re.findall(r'doc: "([^"]+)"', text)}
    assert [page for page in pages if not (STACKS.parents[3] / page).is_file()] == []
