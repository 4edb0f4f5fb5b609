"""The price source genai-prices: the list of the installed package (an optional extra), or JSON.

The list of the package is read without network.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from ledger.prices.rows import PriceRow
from schemas.jsonio import wire_name
from streams.prices.genai_list import to_json_form
from streams.prices.genai_prices import read_genai_prices
from streams.prices.reading import ConfiguredSource, PriceListResult, PriceSourceError, decode_json

INSTALL: Final = "pip install 'cost-analytics[genai-prices]'"


def packaged_list() -> tuple[Any, str]:
    """Return the list of the package in the form of its JSON, and its version.

    Raises ModuleNotFoundError without the package.
    """
    from genai_prices import __version__
    from genai_prices.data import providers

    return to_json_form(providers), __version__


def update_url() -> str:
    """Return the URL of the newest list of the package's publisher.

    Raises ModuleNotFoundError without the package.
    """
    from genai_prices.update_prices import DEFAULT_UPDATE_URL

    return str(DEFAULT_UPDATE_URL)


class GenAiPrices(
    ConfiguredSource,
    kw_only=True,
    frozen=True,
    rename=wire_name,
    tag_field="kind",
    tag="genai-prices",
):
    """The list as a source: the prices of some `services` (its providers), or of all.

    Without a `url` it is the list of the installed package.
    """

    url: str = ""
    services: tuple[str, ...] = ()

    def rows(self, text: bytes, at: datetime) -> list[PriceRow]:
        """Return the prices in a list, or in the package; raises PriceSourceError."""
        return self.read(text, at.replace(microsecond=0)).rows

    def read(self, text: bytes, at: datetime) -> PriceListResult:
        """Return the prices and what was left out; raises PriceSourceError."""
        if self.url:
            published, source = decode_json(text), self.name
        else:
            try:
                published, version = packaged_list()
            except ModuleNotFoundError:
                raise PriceSourceError(f"it needs genai-prices: {INSTALL}") from None
            source = f"{self.name} {version}"
        return read_genai_prices(published, at, source=source, services=self.services)
