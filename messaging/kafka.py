"""The one owner of aiokafka: clients with the defaults overridden that would lose or stall money.

No auto-commit, `earliest` where no offset is known, `acks=all`, bounded requests. Idempotent
producing is a setting, because the embedded broker does not offer it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
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

from messaging.records import read_any_header_name
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
    "cluster_id",
    "ensure_topics",
    "for_code",
    "make_consumer",
    "make_producer",
    "raise_for_topics",
]

REQUEST_TIMEOUT_MS: Final = 30_000
METADATA_AGE_MS: Final = 30_000
"""A group learns this late of partitions that were added; five minutes are the library's own."""
TOPICS_SECONDS: Final = 30
TOPICS_LOOK_SECONDS: Final = 0.05
MAX_FETCH_BYTES: Final = 4 * 1024 * 1024
MAX_RECORD_BYTES: Final = 2 * 1024 * 1024
"""No producer sends more at once; most topics take half of it."""
KEYS_REMEMBERED_MAX: Final = 65_536

Start = Literal["earliest", "none"]

_by_the_library: Final = DefaultPartitioner()


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How to reach a cluster. `idempotent` asks for a producer that the broker de-duplicates."""

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_ca_file: str | None = None
    idempotent: bool = True
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 2_000
    rebalance_timeout_ms: int = 20_000
    fetch_max_wait_ms: int = 100

    def client_options(self) -> dict[str, Any]:
        """Return what every aiokafka client needs to connect."""
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
    settings: KafkaSettings, *topics: str, group: str | None, start: Start = "earliest"
) -> AIOKafkaConsumer:
    """Return an unstarted consumer that commits only when told to; no group reads on its own.

    `start` is where it reads where no offset is stored and where the log does not hold its offset.
    With `none` that raises OffsetOutOfRangeError or NoOffsetForPartitionError: it never skips.
    """
    read_any_header_name()
    return AIOKafkaConsumer(
        *topics,
        **settings.client_options(),
        group_id=group,
        enable_auto_commit=False,
        isolation_level="read_committed",  # what an emitter took back never happened
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
    """Return an unstarted producer whose sends are acknowledged by every in-sync replica."""
    return AIOKafkaProducer(
        **settings.client_options(),
        acks="all",
        enable_idempotence=settings.idempotent,
        linger_ms=linger_ms,
        partitioner=_partition_of,
        max_batch_size=256 * 1024,
        max_request_size=MAX_RECORD_BYTES,
    )


def _partition_of(key: bytes | None, all_partitions: Sequence[int], free: Sequence[int]) -> int:
    """Choose the partition that every Kafka client chooses for a key, remembering its hash."""
    if key is None:
        return int(_by_the_library(key, all_partitions, free))
    return partition_of(key, all_partitions)


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """Return which of all partitions of a topic, in order, every Kafka client chooses for a key."""
    return partitions[_hash_of(key) % len(partitions)]


@lru_cache(KEYS_REMEMBERED_MAX)
def _hash_of(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


async def cluster_id(settings: KafkaSettings) -> str:
    """Return the cluster's own id, by which stored offsets are kept apart."""
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        described = await admin.describe_cluster()
    finally:
        await admin.close()
    return str(described["cluster_id"])


async def ensure_topics(
    settings: KafkaSettings, *, partitions: int = DEFAULT_PARTITIONS, replication: int = 1
) -> list[str]:
    """Create the topics that do not exist; returns their names. Existing ones are left alone.

    Returns when the new ones can be used. Raises KafkaError where the broker refuses one, and
    TimeoutError where it does not serve them in time.
    """
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [topic for topic in ALL_TOPICS if topic.name not in existing]
        if missing:
            answer = await admin.create_topics(
                [
                    NewTopic(
                        topic.name,
                        partitions,
                        replication,
                        topic_configs={"cleanup.policy": "compact"} if topic.compacted else {},
                    )
                    for topic in missing
                ]
            )
            raise_for_topics(answer)
            async with asyncio.timeout(TOPICS_SECONDS):
                await _until_served(admin, [topic.name for topic in missing])
    finally:
        await admin.close()
    return [topic.name for topic in missing]


async def _until_served(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Wait until the broker knows a leader for each partition of these topics.

    It creates before it serves, and a group joined in between would own no partition at all.
    """
    while not all(map(_is_served, await admin.describe_topics(names))):  # noqa: ASYNC110 - no event for it
        await asyncio.sleep(TOPICS_LOOK_SECONDS)


def _is_served(topic: Any) -> bool:
    partitions = topic["partitions"]
    return bool(partitions) and not any(one["error_code"] for one in (topic, *partitions))


def raise_for_topics(answer: Any) -> None:
    """Raise the first error of a CreateTopics answer; a topic made meanwhile is no error."""
    for name, code, *detail in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(f"topic {name} could not be created: {' '.join(map(str, detail))}")
