"""The library genai-prices, an optional extra of the product."""

from functools import cache
from importlib import import_module
from typing import Any

from tests.support import parts


@cache
def _library() -> Any:
    try:
        return import_module("genai_prices")
    except ModuleNotFoundError:
        return None


def genai_library() -> Any:
    """Return the library, or skip the test without it."""
    library = _library()
    if library is None:
        parts.skip_without("genai-prices", "the extra is not installed")
    return library
