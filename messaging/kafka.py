"""Kafka clients with defaults that neither lose events nor stall.

No auto-commit, `earliest` without a stored offset, `acks=all`, limits on sizes and times.
Idempotence is a setting, because the embedded broker does not support it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal

from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import (
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    MessageSizeTooLargeError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.partitioner import DefaultPartitioner, murmur2

from messaging.records import accept_any_header_name
from messaging.whole_log import WholeLogConsumer
from schemas.topics import ALL_TOPICS, DEFAULT_PARTITIONS

__all__ = [
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "ConsumerRebalanceListener",
    "ConsumerRecord",
    "KafkaError",
    "KafkaSettings",
    "KafkaTimeoutError",
    "LeaderNotAvailableError",
    "MessageSizeTooLargeError",
    "NoOffsetForPartitionError",
    "OffsetOutOfRangeError",
    "TopicPartition",
    "admin_client",
    "cluster_id",
    "ensure_topics",
    "for_code",
    "make_consumer",
    "make_producer",
    "raise_for_topics",
]

REQUEST_TIMEOUT_MS: Final = 30_000
METADATA_AGE_MS: Final = 30_000
"""How soon a group notices added partitions; the library's default is five minutes."""
CREATION_SECONDS_MAX: Final = 30
CREATION_POLL_SECONDS: Final = 0.05
MAX_FETCH_BYTES: Final = 4 * 1024 * 1024
MAX_RECORD_BYTES: Final = 2 * 1024 * 1024
"""The maximum size of a producer's request; most topics allow half of it."""
KEYS_CACHED_MAX: Final = 65_536

OffsetReset = Literal["earliest", "none"]

_default_partitioner: Final = DefaultPartitioner()


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How clients connect; `KafkaSection.client` makes it from the settings of the product.

    With `idempotent` producers are idempotent.
    """

    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str | None
    sasl_username: str | None
    sasl_password: str | None = field(repr=False)
    ssl_ca_file: str | None
    idempotent: bool
    session_timeout_ms: int
    heartbeat_interval_ms: int
    rebalance_timeout_ms: int
    fetch_max_wait_ms: int

    def client_options(self) -> dict[str, Any]:
        """Return the options of every aiokafka client."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "request_timeout_ms": REQUEST_TIMEOUT_MS,
            "metadata_max_age_ms": METADATA_AGE_MS,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            options["ssl_context"] = ssl.create_default_context(cafile=self.ssl_ca_file)
        if self.sasl_mechanism:
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        return options


def make_consumer(
    settings: KafkaSettings, *topics: str, group: str | None, start: OffsetReset = "earliest"
) -> AIOKafkaConsumer:
    """Return an unstarted consumer without auto-commit; without a group it reads all partitions.

    `start` applies without a stored offset, or if the log does not contain the offset: `none`
    raises OffsetOutOfRangeError or NoOffsetForPartitionError and never skips records.
    """
    accept_any_header_name()
    # Only the embedded broker does not support idempotence.
    consumer = AIOKafkaConsumer if settings.idempotent else WholeLogConsumer
    return consumer(
        *topics,
        **settings.client_options(),
        group_id=group,
        enable_auto_commit=False,
        isolation_level="read_committed",  # skips records of aborted transactions
        auto_offset_reset=start,
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        fetch_min_bytes=1,
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
        max_partition_fetch_bytes=MAX_FETCH_BYTES,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_interval_ms,
        rebalance_timeout_ms=settings.rebalance_timeout_ms,
        max_poll_interval_ms=300_000,
    )


def make_producer(settings: KafkaSettings, *, linger_ms: int = 0) -> AIOKafkaProducer:
    """Return an unstarted producer whose sends are acknowledged by all in-sync replicas."""
    return AIOKafkaProducer(
        **settings.client_options(),
        acks="all",
        enable_idempotence=settings.idempotent,
        linger_ms=linger_ms,
        partitioner=_choose_partition,
        max_batch_size=256 * 1024,
        max_request_size=MAX_RECORD_BYTES,
    )


def _choose_partition(
    key: bytes | None, all_partitions: Sequence[int], available: Sequence[int]
) -> int:
    """Return the partition of a key as all Kafka clients choose it, with a cached hash."""
    if key is None:
        return int(_default_partitioner(key, all_partitions, available))
    return partition_of(key, all_partitions)


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """Return the partition of a key, among all partitions in order, as all Kafka clients do."""
    return partitions[_hash_of(key) % len(partitions)]


@lru_cache(KEYS_CACHED_MAX)
def _hash_of(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


async def start_consumer(consumer: AIOKafkaConsumer) -> None:
    """Start a consumer; a start that fails or is interrupted leaves nothing open.

    Raises KafkaError.
    """
    try:
        await consumer.start()
    except BaseException:  # any error or cancellation of the start
        await stop_consumer(consumer)
        raise


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer that need not leave its group; errors of the brokers are ignored."""
    with suppress(KafkaError, OSError):
        await consumer.stop()


@asynccontextmanager
async def admin_client(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Open an administrator's client for the duration of the block; raises KafkaError."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    try:  # a start that fails may leave connections open
        await admin.start()
        yield admin
    finally:
        with suppress(KafkaError, OSError):
            await admin.close()


async def cluster_id(settings: KafkaSettings) -> str:
    """Return the cluster's id, which separates stored offsets of different clusters."""
    async with admin_client(settings) as admin:
        described = await admin.describe_cluster()
    return str(described["cluster_id"])


async def ensure_topics(
    settings: KafkaSettings, *, partitions: int = DEFAULT_PARTITIONS, replication: int = 1
) -> list[str]:
    """Create missing topics; returns their names. Existing topics stay unchanged.

    Returns when the new topics are usable. Raises KafkaError if the broker refuses one, and
    TimeoutError if it does not serve them in time.
    """
    async with admin_client(settings) as admin:
        existing = set(await admin.list_topics())
        missing = [topic for topic in ALL_TOPICS if topic.name not in existing]
        if missing:
            response = await admin.create_topics(
                [
                    NewTopic(topic.name, partitions, replication, topic_configs=topic.configuration)
                    for topic in missing
                ]
            )
            raise_for_topics(response)
            async with asyncio.timeout(CREATION_SECONDS_MAX):
                await _until_served(admin, [topic.name for topic in missing])
    return [topic.name for topic in missing]


async def _until_served(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Wait until the broker knows a leader for each partition of these topics.

    Brokers create topics before they serve them; a group that joins in between gets no partition.
    """
    while not all(map(_is_served, await admin.describe_topics(names))):  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(CREATION_POLL_SECONDS)


def _is_served(topic: Any) -> bool:
    partitions = topic["partitions"]
    return bool(partitions) and not any(part["error_code"] for part in (topic, *partitions))


def raise_for_topics(response: Any) -> None:
    """Raise the first error of a CreateTopics response; an existing topic is not an error."""
    for name, code, *detail in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"topic {name} could not be created: {' '.join(map(str, detail))}")
