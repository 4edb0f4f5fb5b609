"""A sound installation, and the faults that are planted in it for `doctor` to find."""

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.diagnosis.check_result import CheckResult
from cost_analytics.diagnosis.doctor import examine
from messaging.cluster import describe_cluster
from messaging.kafka import ensure_topics
from tests.support.logins import as_login
from tests.support.recording import until
from tests.support.streaming import PARTITIONS

DAY_MS = 86_400_000
CLOSED_PORT = "127.0.0.1:1"


async def prepare_topics(bootstrap: str) -> None:
    """Create missing topics, and give them sound settings."""
    await ensure_topics(KafkaSection(bootstrap).client(), partitions=PARTITIONS)
    await configure(bootstrap, "cost.call-events.v1", {"retention.ms": str(10 * DAY_MS)})
    await configure(bootstrap, "cost.call-totals.v1", {"cleanup.policy": "compact"})


async def configure(bootstrap: str, topic: str, values: Mapping[str, str]) -> None:
    """Set the settings of a topic, without those that it had before, and wait for the broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict(values))
        await admin.alter_configs([resource])
    finally:
        await admin.close()

    async def is_told() -> bool:
        """A broker answers a change before it uses the new settings."""
        found = (await describe_cluster(KafkaSection(bootstrap).client(), [topic])).topics[topic]
        return values.items() <= (found.configuration or {}).items()

    await until(is_told)


@dataclass
class Installation:
    """An installation without a running process, whose worker seems to run."""

    database_url: str
    bootstrap: str
    monkeypatch: pytest.MonkeyPatch
    changed_topics: bool = False

    async def prepare(self) -> None:
        """Set its settings, and enter a worker that reads all partitions."""
        for name, value in self.settings().items():
            self.monkeypatch.setenv(name, value)
        await self.execute(
            "INSERT INTO stream_workers (worker_id, partitions, heartbeat_at) "
            "VALUES ('w', '{0,1,2,3}', now() + interval '1 hour')"
        )

    def settings(self) -> Mapping[str, str]:
        logins = {"API": "api", "WORKER": "worker", "NOTIFICATIONS": "notifications"}
        addresses = {
            f"{name}_DATABASE_URL": as_login(self.database_url, login)  # type: ignore[arg-type]
            for name, login in logins.items()
        }
        return {
            **addresses,
            "OPERATOR_DATABASE_URL": as_login(self.database_url, "operator"),
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
            "JWT_SECRET": "a-secret-of-the-tests-with-many-characters",
            "LIMIT_CONNECTIONS": "100",
        }

    async def execute(self, *statements: str) -> None:
        """Run statements as the administrator of the database."""
        connection = await asyncpg.connect(self.database_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def configure(self, topic: str, values: Mapping[str, str]) -> None:
        self.changed_topics = True
        await configure(self.bootstrap, topic, values)

    async def remove(self, topic: str) -> None:
        self.changed_topics = True
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([topic])
        finally:
            await admin.close()

    def set(self, name: str, value: str) -> None:
        self.monkeypatch.setenv(name, value)


@dataclass(frozen=True)
class PlantedFault:
    """A fault: how it is planted, and words of what `doctor` finds and advises."""

    plant: Callable[[Installation], Awaitable[None]]
    state: str
    found: str
    remedy: str


async def results() -> list[CheckResult]:
    """Return what `doctor` finds with the settings of this process."""
    return [result async for result in examine([])]


def sets(name: str, value: str) -> Callable[[Installation], Awaitable[None]]:
    async def plant(installation: Installation) -> None:
        installation.set(name, value)

    return plant


def runs(*statements: str) -> Callable[[Installation], Awaitable[None]]:
    async def plant(installation: Installation) -> None:
        await installation.execute(*statements)

    return plant


def configures(topic: str, **values: str) -> Callable[[Installation], Awaitable[None]]:
    async def plant(installation: Installation) -> None:
        named = {name.replace("_", "."): value for name, value in values.items()}
        await installation.configure(topic, named)

    return plant


async def remove_deliveries(installation: Installation) -> None:
    await installation.remove("cost.deliveries.v1")


async def log_in_as_superuser(installation: Installation) -> None:
    installation.set("API_DATABASE_URL", installation.database_url)


async def change_the_password(installation: Installation) -> None:
    url = os.environ["WORKER_DATABASE_URL"]
    installation.set("WORKER_DATABASE_URL", url.replace("password", "passphrase"))
