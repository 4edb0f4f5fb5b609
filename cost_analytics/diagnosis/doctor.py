"""Runs all checks, each part independent of the failure of another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Final

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.configuration.tree import Settings
from cost_analytics.diagnosis import (
    database_checks,
    host_checks,
    kafka_checks,
    stream_checks,
)
from cost_analytics.diagnosis.check_result import CheckResult, problem, skipped
from cost_analytics.diagnosis.settings_checks import check_settings
from cost_analytics.failures import CommandError, using_database, using_kafka
from cost_analytics.lag import lag
from ledger.operations.dead_letters import RefusedCount, count_by_code
from ledger.operations.figures import ProductFigures, read_figures
from ledger.postgres.database import Connection, connected
from messaging.cluster import ClusterState, TopicEnds, describe_cluster
from schemas.topics import ALL_TOPICS, CALL_EVENTS, DEFAULT_PARTITIONS

_CONNECTION_NAME: Final = "cost-analytics doctor"
_SEES_EVERYTHING: Final = ("operator", "worker")
"""The processes whose logins may read what the checks of the stream need."""


async def examine(commands: Sequence[str]) -> AsyncIterator[CheckResult]:
    """Check the named processes, or all that have settings here, and everything they use."""
    checked = check_settings(commands)
    for result in checked.results:
        yield result
    valid = checked.valid
    for result in host_checks.check_host(valid):
        yield result
    async for result in database_checks.check_logins(valid):
        yield result
    cluster: ClusterState | None = None
    async for outcome in _check_kafka(valid):
        if isinstance(outcome, ClusterState):
            cluster = outcome
        else:
            yield outcome
    async for result in _check_product(valid, cluster):
        yield result
    async for result in host_checks.check_servers(valid):
        yield result


async def _check_kafka(valid: Mapping[str, Settings]) -> AsyncIterator[CheckResult | ClusterState]:
    """Yield results, and the cluster if it answers."""
    kafka = _kafka(valid)
    if kafka is None:
        return
    try:
        with using_kafka(kafka):
            cluster = await describe_cluster(kafka.client(), [topic.name for topic in ALL_TOPICS])
    except CommandError as error:
        found, _, remedy = str(error).rstrip(".").partition("; ")
        yield problem("Kafka", found, remedy)
        return
    for result in kafka_checks.check_cluster(cluster):
        yield result
    yield cluster


async def _check_product(
    valid: Mapping[str, Settings], cluster: ClusterState | None
) -> AsyncIterator[CheckResult]:
    settings = next((valid[name] for name in _SEES_EVERYTHING if name in valid), None)
    if settings is None:
        found = "the stream is not checked: only the operator's or a worker's login may read it"
        yield skipped("stream", found, "set OPERATOR_DATABASE_URL")
        return
    try:
        with using_database(settings.database_url):
            async with connected(
                settings.database_url.reveal(), name=_CONNECTION_NAME
            ) as connection:
                async for result in _product_results(connection, settings.kafka, cluster):
                    yield result
    except CommandError as error:
        yield skipped("stream", f"the stream is not checked: {str(error).rstrip('.')}")


async def _product_results(
    connection: Connection, kafka: KafkaSection, cluster: ClusterState | None
) -> AsyncIterator[CheckResult]:
    async for result in database_checks.check_server(connection):
        yield result
    schema = await database_checks.check_schema(connection)
    for result in schema:
        yield result
    if any(result.subject == "schema" and result.state == "problem" for result in schema):
        return
    for result in await database_checks.check_keys(connection):
        yield result
    figures = await read_figures(connection)
    events = cluster.topics.get(CALL_EVENTS.name) if cluster else None
    partitions = events.partitions if events else DEFAULT_PARTITIONS
    for result in stream_checks.check_workers(figures, partitions):
        yield result
    if events:
        async for result in _check_lag(figures, kafka):
            yield result
    for result in _check_events_and_delivery(figures, await count_by_code(connection)):
        yield result


async def _check_lag(figures: ProductFigures, kafka: KafkaSection) -> AsyncIterator[CheckResult]:
    ends = TopicEnds(kafka.client(), CALL_EVENTS.name)
    try:
        with using_kafka(kafka):
            found = lag(figures, await ends.read())
    except CommandError as error:
        yield problem("Kafka", str(error).rstrip("."), "check the log of the brokers")
        return
    finally:
        await ends.close()
    for result in stream_checks.check_lag(found):
        yield result


def _check_events_and_delivery(
    figures: ProductFigures, refused: Sequence[RefusedCount]
) -> Iterator[CheckResult]:
    yield from stream_checks.check_events(figures, refused)
    yield from stream_checks.check_delivery(figures)


def _kafka(valid: Mapping[str, Settings]) -> KafkaSection | None:
    return next((settings.kafka for settings in valid.values()), None)
