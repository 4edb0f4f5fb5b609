"""Prints the AsyncAPI document: `python -m api.asyncapi`. Needs no database and no settings."""

from __future__ import annotations

import json
import sys
from typing import Any

from api.asyncapi.document import document
from api.openapi.__main__ import described_routes
from api.openapi.routes import product_version


def async_document() -> dict[str, Any]:
    """Return the document that `GET /asyncapi.json` serves."""
    return document(described_routes(), product_version())


if __name__ == "__main__":
    json.dump(async_document(), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
