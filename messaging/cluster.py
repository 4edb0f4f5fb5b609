"""Describes a cluster for operators: its brokers, the product's topics, their settings and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from messaging.kafka import (
    AIOKafkaConsumer,
    KafkaError,
    KafkaSettings,
    TopicPartition,
    admin_client,
    make_consumer,
    stop_consumer,
)

RESPONSE_SECONDS_MAX: Final = 10


class TopicState(NamedTuple):
    """A topic: its partitions, and how many of them lack a leader or an in-sync replica.

    `replicas_min` is the smallest number of replicas of a partition. `configuration` has the
    effective settings; None if the broker does not return them.
    """

    partitions: int
    replicas_min: int
    without_leader: int
    under_replicated: int
    configuration: Mapping[str, str] | None


class PartitionEnds(NamedTuple):
    """The first offset of a partition's log, and the offset after its last record."""

    first: int
    end: int


class LogEnds(NamedTuple):
    """The ends of a topic's partitions by number, in a cluster."""

    cluster_id: str
    partitions: Mapping[int, PartitionEnds]


class ClusterState(NamedTuple):
    """A cluster, and its topics by name; a topic that does not exist is missing."""

    cluster_id: str
    brokers: int
    topics: Mapping[str, TopicState]


async def describe_cluster(settings: KafkaSettings, topics: Sequence[str]) -> ClusterState:
    """Describe the cluster and these topics; raises KafkaError, OSError or TimeoutError."""
    async with asyncio.timeout(RESPONSE_SECONDS_MAX), admin_client(settings) as admin:
        cluster = await admin.describe_cluster()
        described = [t for t in await admin.describe_topics() if t["topic"] in topics]
        names = [topic["topic"] for topic in described]
        configurations = await _configurations(admin, names) if names else {}
    return ClusterState(
        str(cluster["cluster_id"]),
        len(cluster["brokers"]),
        {t["topic"]: _state(t, configurations.get(t["topic"])) for t in described},
    )


class TopicEnds:
    """Reads the ends of a topic's partitions repeatedly, over the same connections."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._connections = AsyncExitStack()
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None

    async def read(self) -> LogEnds:
        """Return the ends of all partitions; none if there is no such topic.

        Raises KafkaError, OSError or TimeoutError; the next call connects again.
        """
        try:
            async with asyncio.timeout(RESPONSE_SECONDS_MAX):
                return await self._read()
        except (KafkaError, OSError):
            await self.close()
            raise

    async def close(self) -> None:
        self._clients = None
        await self._connections.aclose()

    async def _read(self) -> LogEnds:
        admin, consumer = self._clients or await self._connect()
        cluster = await admin.describe_cluster()
        [topic] = await admin.describe_topics([self._topic])
        partitions = [TopicPartition(self._topic, one["partition"]) for one in topic["partitions"]]
        firsts = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        return LogEnds(
            str(cluster["cluster_id"]),
            {one.partition: PartitionEnds(firsts[one], ends[one]) for one in partitions},
        )

    async def _connect(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        admin = await self._connections.enter_async_context(admin_client(self._settings))
        consumer = make_consumer(self._settings, group=None)
        self._connections.push_async_callback(stop_consumer, consumer)
        await consumer.start()
        self._clients = admin, consumer
        return self._clients


async def retention_ms(settings: KafkaSettings, topics: Sequence[str]) -> dict[str, int | None]:
    """Return for how many milliseconds topics keep records; None if there is no limit.

    A topic whose broker does not return it is left out: the embedded broker does not. Raises as
    `describe_cluster` does.
    """
    cluster = await describe_cluster(settings, topics)
    found: dict[str, int | None] = {}
    for name, topic in cluster.topics.items():
        value = (topic.configuration or {}).get("retention.ms")
        if value is not None:
            found[name] = None if int(value) < 0 else int(value)
    return found


async def _configurations(
    admin: AIOKafkaAdminClient, topics: Sequence[str]
) -> Mapping[str, Mapping[str, str]]:
    """Return the settings of topics, without topics that we are not authorized to describe."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    try:
        responses = await admin.describe_configs(resources)
    except NotImplementedError:  # a broker without this request
        return {}
    return {
        name: {entry[0]: str(entry[1]) for entry in entries}
        for response in responses
        for code, _, _, name, entries in response.resources
        if not code and entries
    }


def _state(topic: Any, configuration: Mapping[str, str] | None) -> TopicState:
    partitions = topic["partitions"]
    return TopicState(
        partitions=len(partitions),
        replicas_min=min((len(p["replicas"]) for p in partitions), default=0),
        without_leader=sum(p["leader"] < 0 for p in partitions),
        under_replicated=sum(len(p["isr"]) < len(p["replicas"]) for p in partitions),
        configuration=configuration,
    )
