"""Describes a cluster for operators: its brokers, the product's topics, their settings and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from messaging.kafka import KafkaError, KafkaSettings, TopicPartition, make_consumer

ANSWER_SECONDS: Final = 10


class TopicState(NamedTuple):
    """A topic: its partitions, and how many of them lack a leader or an in-sync replica.

    `configuration` has the topic's effective settings; None if the broker does not tell them.
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


class ClusterState(NamedTuple):
    """A cluster, and its topics by name; a topic that does not exist is missing."""

    cluster_id: str
    brokers: int
    topics: Mapping[str, TopicState]


async def describe_cluster(settings: KafkaSettings, topics: Sequence[str]) -> ClusterState:
    """Describe the cluster and these topics; raises KafkaError, OSError or TimeoutError."""
    async with asyncio.timeout(ANSWER_SECONDS), _admin(settings) as admin:
        cluster = await admin.describe_cluster()
        described = [t for t in await admin.describe_topics() if t["topic"] in topics]
        names = [topic["topic"] for topic in described]
        configurations = await _configurations(admin, names) if names else {}
    return ClusterState(
        str(cluster["cluster_id"]),
        len(cluster["brokers"]),
        {t["topic"]: _state(t, configurations.get(t["topic"])) for t in described},
    )


async def partition_ends(
    settings: KafkaSettings, topic: str, partitions: int
) -> Mapping[int, PartitionEnds]:
    """Return the ends of each partition; raises KafkaError, OSError or TimeoutError."""
    places = [TopicPartition(topic, number) for number in range(partitions)]
    async with asyncio.timeout(ANSWER_SECONDS):
        consumer = make_consumer(settings, group=None)
        await consumer.start()
        try:
            firsts = await consumer.beginning_offsets(places)
            ends = await consumer.end_offsets(places)
        finally:
            await consumer.stop()
    return {place.partition: PartitionEnds(firsts[place], ends[place]) for place in places}


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.client_options())
    try:
        await admin.start()
        yield admin
    finally:
        with suppress(KafkaError, OSError):
            await admin.close()


async def _configurations(
    admin: AIOKafkaAdminClient, topics: Sequence[str]
) -> Mapping[str, Mapping[str, str]]:
    """Return the settings of topics; none of a topic that we may not describe."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    try:
        responses = await admin.describe_configs(asked)
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
