"""When the broker of the development instance is replaced."""

from dataclasses import dataclass, field

from devkit.dev.upkeep import BrokerUpkeep

MAX = 1_000


@dataclass
class Broker:
    """Grows by what is sent, and by the totals that each new one gets."""

    totals_bytes: int
    growth_bytes: int = 0
    refilled: bool = True
    replaceable: bool = True
    replaced: int = 0
    upkeep: BrokerUpkeep = field(init=False)

    def __post_init__(self) -> None:
        self.upkeep = BrokerUpkeep(self, MAX, replace=self._replace, is_refilled=self._is_refilled)

    def restart_growth(self) -> None:
        self.growth_bytes = 0

    async def _replace(self) -> bool:
        if self.replaceable:
            self.replaced += 1
            self.growth_bytes = self.totals_bytes
        return self.replaceable

    async def _is_refilled(self) -> bool:
        return self.refilled

    async def send(self, size: int) -> int:
        """Send so many bytes and tend the broker twice; returns how often it was replaced."""
        self.growth_bytes += size
        for _ in range(2):
            await self.upkeep.tend()
        return self.replaced


async def test_a_broker_is_replaced_once_its_log_has_grown_by_more_than_allowed() -> None:
    broker = Broker(totals_bytes=0)
    assert await broker.send(MAX) == 0
    assert await broker.send(1) == 1
    assert await broker.send(MAX) == 1
    assert await broker.send(1) == 2


async def test_totals_that_are_published_again_do_not_cause_the_next_replacement() -> None:
    broker = Broker(totals_bytes=5 * MAX)
    assert await broker.send(MAX + 1) == 1
    assert await broker.send(MAX) == 1
    assert await broker.send(1) == 2


async def test_no_broker_is_replaced_while_totals_are_being_published_again() -> None:
    broker = Broker(totals_bytes=5 * MAX, refilled=False)
    assert await broker.send(MAX + 1) == 1
    assert await broker.send(MAX) == 1
    broker.refilled = True
    assert await broker.send(0) == 1
    assert await broker.send(MAX + 1) == 2


async def test_a_replacement_that_was_not_done_is_tried_again() -> None:
    broker = Broker(totals_bytes=0, replaceable=False)
    assert await broker.send(MAX + 1) == 0
    broker.replaceable = True
    assert await broker.send(0) == 1
