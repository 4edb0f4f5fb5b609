"""Decides when the broker of the development instance is replaced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class Growing(Protocol):
    """A broker whose log grows in memory."""

    @property
    def growth_bytes(self) -> int: ...

    def restart_growth(self) -> None:
        """Measure the growth from now on."""


class BrokerUpkeep:
    """Has a broker replaced whenever events have made its log large.

    The totals that are published again after a replacement do not count: they are as large for
    each new broker, and where there are many calls it would be replaced again and again.
    """

    def __init__(
        self,
        broker: Growing,
        growth_max_bytes: int,
        *,
        replace: Callable[[], Awaitable[bool]],
        is_refilled: Callable[[], Awaitable[bool]],
    ) -> None:
        """`replace` says whether it was done; `is_refilled` whether all totals are published."""
        self._broker = broker
        self._growth_max_bytes = growth_max_bytes
        self._replace = replace
        self._is_refilled = is_refilled
        self._refilling = False

    async def tend(self) -> None:
        """Replace the broker if that is due."""
        if self._refilling and await self._is_refilled():
            self._broker.restart_growth()
            self._refilling = False
        if not self._refilling and self._broker.growth_bytes > self._growth_max_bytes:
            self._refilling = await self._replace()
