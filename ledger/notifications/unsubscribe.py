"""Disables a notification channel through the unsubscribe link in a mail."""

from __future__ import annotations

from typing import Final

from ledger.postgres.statements import statements
from ledger.postgres.viewers import ReaderPool, Viewer

_SQL: Final = statements("notifications/unsubscribe")
_NO_VIEWER: Final = Viewer("")
_REASON: Final = "Unsubscribed by the link in an email."


async def disable_channel(readers: ReaderPool, token: str) -> bool:
    """Disable the channel with this token, a UUID; returns False if there is none.

    Idempotent. Raises StoreUnavailableError.
    """
    disable = _SQL.bind("disable", token=token, reason=_REASON)
    return bool(await readers.read_value(_NO_VIEWER, *disable))
