"""When the broker of the development instance is replaced."""

from dataclasses import dataclass, field

from devkit.dev.upkeep import BrokerUpkeep

MAX = 1_000


@dataclass
class GrowingBroker:
    """A broker whose log grows by sent bytes, and by republished totals after a replacement."""

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
        """Send bytes and run the upkeep twice; returns the number of replacements."""
        self.growth_bytes += size
        for _ in range(2):
            await self.upkeep.run_once()
        return self.replaced


async def test_broker_is_replaced_when_its_log_grows_too_large() -> None:
    broker = GrowingBroker(totals_bytes=0)
    assert await broker.send(MAX) == 0
    assert await broker.send(1) == 1
    assert await broker.send(MAX) == 1
    assert await broker.send(1) == 2


async def test_republished_totals_do_not_cause_a_replacement() -> None:
    broker = GrowingBroker(totals_bytes=5 * MAX)
    assert await broker.send(MAX + 1) == 1
    assert await broker.send(MAX) == 1
    assert await broker.send(1) == 2


async def test_broker_is_not_replaced_while_totals_are_republished() -> None:
    broker = GrowingBroker(totals_bytes=5 * MAX, refilled=False)
    assert await broker.send(MAX + 1) == 1
    assert await broker.send(MAX) == 1
    broker.refilled = True
    assert await broker.send(0) == 1
    assert await broker.send(MAX + 1) == 2


async def test_failed_replacement_is_retried() -> None:
    broker = GrowingBroker(totals_bytes=0, replaceable=False)
    assert await broker.send(MAX + 1) == 0
    broker.replaceable = True
    assert await broker.send(0) == 1
