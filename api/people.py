"""The interface of people's rights, which keeps the API free of Kafka and of powerful logins.

`cost_analytics/erasing.py` implements it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Protocol

from schemas.people import ErasureReceipt


class ErasureFailedError(Exception):
    """Nothing was erased; the message is a sentence."""


class PeopleRights(Protocol):
    """Exports and erases users."""

    def export(self, user_id: str, now: datetime) -> AsyncGenerator[bytes, None]:
        """Yield everything about a user as JSON lines; raises StoreUnavailableError."""

    async def erase(
        self, user_id: str, author: str, now: datetime, *, dry_run: bool, allow_unknown: bool
    ) -> ErasureReceipt:
        """Erase a user; raises StoreUnavailableError and ErasureFailedError.

        A user id that is not in the data is refused unless `allow_unknown`.
        """
