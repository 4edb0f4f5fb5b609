"""Disables a notification channel through the unsubscribe link in a mail."""

from __future__ import annotations

from typing import Final

from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("notifications/unsubscribe")
_NO_USER: Final = Viewer("")
_REASON: Final = "Unsubscribed by the link in an email."


async def turn_channel_off(readers: ReaderPool, token: str) -> bool:
    """Disable the channel with this token, a UUID; returns False if there is none.

    Idempotent. Raises StoreUnavailableError.
    """
    turn_off = _SQL.bind("turn_off", token=token, reason=_REASON)
    return bool(await readers.read_value(_NO_USER, *turn_off))
