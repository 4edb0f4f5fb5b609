"""Bearer tokens, and the source of events of the service that a token names."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable


def token_function(token: str | Callable[[], str]) -> Callable[[], str]:
    """Return a function that returns the token; both raise ValueError for an invalid one."""
    if callable(token):
        return lambda: _checked(token())
    checked = _checked(token)
    return lambda: checked


def _checked(token: str) -> str:
    # Errors of HTTP libraries quote a header that is not valid, and a log would have the token.
    if not token or not token.isascii() or not token.isprintable():
        raise ValueError("`token` is empty, or has characters that a token cannot have")
    return token


def default_source(token: str | Callable[[], str] | None) -> str:
    """Return a source of the service that a token names: a source belongs to one service."""
    try:
        if not isinstance(token, str):
            raise TypeError("the token of a function is not known yet")
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return f"/emitter/{claims['sub']}"
    except (ValueError, LookupError, TypeError):
        raise ValueError("give `source`, a name of this service such as /voice-bot") from None
