"""Prints the OpenAPI document: `python -m api.openapi`. Needs no database and no settings."""

from __future__ import annotations

import json
import secrets
import sys
from typing import Any, cast

from api.app import build_app
from api.http.access import ROUTES, Route
from api.http.auth import Authenticator, TokenRules
from api.http.jwks import key_source
from api.openapi.document import document
from api.openapi.routes import product_version
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool


def api_document() -> dict[str, Any]:
    """Return the document that `GET /openapi.json` serves by default."""
    return document(described_routes(), product_version())


def described_routes() -> tuple[Route, ...]:
    """Return the routes of the API. They are only described, never served."""
    # So no database is read.
    readers = ReaderPool(cast(Pool, None))
    authenticator = Authenticator(key_source(secret=secrets.token_hex()), TokenRules())
    return build_app(readers, authenticator)[ROUTES]


if __name__ == "__main__":
    json.dump(api_document(), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
