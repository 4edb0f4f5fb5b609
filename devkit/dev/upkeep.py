"""Decides when the broker of the development instance is replaced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class GrowingBroker(Protocol):
    """A broker whose log grows in memory."""

    @property
    def growth_bytes(self) -> int: ...

    def restart_growth(self) -> None:
        """Measure the growth from now on."""


class BrokerUpkeep:
    """Replaces a broker whenever events have made its log large.

    The growth by totals that are published again after a replacement does not count: it is the same
    for each new broker, and with many calls the broker would be replaced over and over.
    """

    def __init__(
        self,
        broker: GrowingBroker,
        growth_max_bytes: int,
        *,
        replace: Callable[[], Awaitable[bool]],
        is_refilled: Callable[[], Awaitable[bool]],
    ) -> None:
        """`replace` returns whether it was done, `is_refilled` whether all totals are published."""
        self._broker = broker
        self._growth_max_bytes = growth_max_bytes
        self._replace = replace
        self._is_refilled = is_refilled
        self._refilling = False

    async def run_once(self) -> None:
        """Replace the broker if necessary."""
        if self._refilling and await self._is_refilled():
            self._broker.restart_growth()
            self._refilling = False
        if not self._refilling and self._broker.growth_bytes > self._growth_max_bytes:
            self._refilling = await self._replace()
