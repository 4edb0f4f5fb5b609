"""Requests the id of a topic, which aiokafka's own requests do not return.

A topic that is deleted and created again has another id. Metadata includes it from version 10 on;
aiokafka 0.14 supports versions up to 5.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from io import BytesIO
from typing import Any, Final, NamedTuple

from aiokafka.errors import for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from messaging.kafka import AIOKafkaConsumer, LeaderNotAvailableError, TopicPartition

_VERSION: Final = 12
_NO_ID: Final = uuid.UUID(int=0)


class TopicIdentity(NamedTuple):
    """The cluster's id and the topic's id; None if brokers do not support topic ids."""

    cluster: str
    topic_id: str | None


class _Uuid(AbstractType[uuid.UUID]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> uuid.UUID:
        return uuid.UUID(bytes=data.read(16))


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = _VERSION
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicIdRequest(Request[_MetadataRequest]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self.topic = topic

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:
        return request_struct_class([(_NO_ID, self.topic, {})], False, False, {})


async def request_identity(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], cluster: str
) -> TopicIdentity:
    """Request the topic's id from the leaders of these partitions of one topic.

    A broker knows a new topic before it serves its records, so records read before this request
    belong to the topic of the response. Without topic ids the result is `cluster` and None. Raises
    KafkaError, also if the topic does not exist.
    """
    client: Any = consumer._client  # noqa: SLF001 - sends our requests over its connections
    request = _TopicIdRequest(partitions[0].topic)
    leaders = {client.cluster.leader_for_partition(partition) for partition in partitions}
    if leaders & {None, -1}:
        client.force_metadata_update()
        raise LeaderNotAvailableError(f"{request.topic} has partitions without a leader")
    try:
        identities = [_identity(await client.send(node, request)) for node in leaders]
    except NotImplementedError:  # raised by aiokafka for versions that the broker does not support
        return TopicIdentity(cluster, None)
    if len(set(identities)) > 1:
        raise LeaderNotAvailableError(f"the brokers still have different ids for {request.topic}")
    return identities[0]


def _identity(response: Any) -> TopicIdentity:
    [(error_code, _, topic_id, *_)] = response.topics
    if error_code:
        raise for_code(error_code)
    return TopicIdentity(str(response.cluster_id), None if topic_id == _NO_ID else topic_id.hex)
