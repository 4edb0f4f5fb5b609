"""Checks Kafka: its brokers, and the settings of our topics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from cost_analytics.diagnosis.check_result import (
    CheckResult,
    count_text,
    ok,
    problem,
    skipped,
    warning,
)
from messaging.cluster import ClusterState, TopicState
from schemas.topics import ALL_TOPICS, CALL_EVENTS, DELIVERIES, Topic

_DAY_MS: Final = 86_400_000
_EVENT_DAYS_MAX: Final = 430
"""A repeat of an older event would count twice (docs/operations.md, Kafka's retention)."""
_DAYS_MIN: Final = 3
_MESSAGE_BYTES_MIN: Final = 1_000_000
_REPLICAS_MIN: Final = 3
_SUBJECT: Final = "Kafka"
_RETENTION: Final = "docs/operations.md, Kafka's retention"


def check_cluster(cluster: ClusterState) -> Iterator[CheckResult]:
    """Check the product's topics in a cluster."""
    yield ok(
        _SUBJECT, f"cluster {cluster.cluster_id} answers, {count_text(cluster.brokers, 'broker')}"
    )
    missing = [topic.name for topic in ALL_TOPICS if topic.name not in cluster.topics]
    if missing:
        remedy = "start a worker, which creates them, or create them yourself"
        yield problem(_SUBJECT, f"there is no topic {', '.join(missing)}", remedy)
    undescribed = []
    for topic in ALL_TOPICS:
        state = cluster.topics.get(topic.name)
        if state is None:
            continue
        yield from _replica_results(topic.name, state, cluster.brokers)
        if state.configuration:
            yield from _configuration_results(topic, state.configuration)
        else:
            undescribed.append(topic.name)
    if len(undescribed) > len(ALL_TOPICS) // 2:
        yield skipped(_SUBJECT, "the brokers do not report the settings of topics")


def _replica_results(name: str, state: TopicState, brokers: int) -> Iterator[CheckResult]:
    if state.without_leader:
        found = f"{name}: {state.without_leader} of {state.partitions} partitions have no leader"
        yield problem(_SUBJECT, found, "start the brokers that hold them")
    elif state.under_replicated:
        found = f"{name}: {state.under_replicated} partitions lack an in-sync replica"
        yield warning(_SUBJECT, found, "start the brokers that hold them")
    if state.replicas_min < min(brokers, _REPLICAS_MIN):
        found = f"{name}: {state.replicas_min} replicas on {brokers} brokers"
        remedy = f"add replicas, up to {_REPLICAS_MIN}: a lost disk is a gap otherwise"
        yield warning(_SUBJECT, found, remedy)


def _configuration_results(topic: Topic, settings: Mapping[str, str]) -> Iterator[CheckResult]:
    policy = settings.get("cleanup.policy", "")
    if topic.compacted and policy != "compact":
        remedy = "set cleanup.policy=compact: a replica reads all totals from it at its start"
        yield problem(_SUBJECT, f"{topic.name}: cleanup.policy is {policy}", remedy)
    if not topic.compacted and "compact" in policy:
        remedy = "set cleanup.policy=delete: compaction removes events before they are counted"
        yield problem(_SUBJECT, f"{topic.name}: cleanup.policy is {policy}", remedy)
    if not topic.compacted:
        yield from _retention_results(topic, settings)
    if settings.get("unclean.leader.election.enable") == "true":
        remedy = "set unclean.leader.election.enable=false"
        yield problem(_SUBJECT, f"{topic.name}: unclean elections can lose records", remedy)
    if int(settings.get("max.message.bytes", _MESSAGE_BYTES_MIN)) < _MESSAGE_BYTES_MIN:
        found = f"{topic.name}: max.message.bytes is {settings['max.message.bytes']}"
        yield problem(_SUBJECT, found, f"set it to at least {_MESSAGE_BYTES_MIN}")


def _retention_results(topic: Topic, settings: Mapping[str, str]) -> Iterator[CheckResult]:
    milliseconds = int(settings.get("retention.ms", _DAYS_MIN * _DAY_MS))
    days = milliseconds // _DAY_MS
    if topic is CALL_EVENTS and not 0 <= days < _EVENT_DAYS_MAX:
        kept = "forever" if milliseconds < 0 else f"for {days} days"
        remedy = f"set retention.ms to less than {_EVENT_DAYS_MAX} days ({_RETENTION})"
        yield problem(_SUBJECT, f"{topic.name} keeps records {kept}", remedy)
    if 0 <= milliseconds < _DAYS_MIN * _DAY_MS:
        found = f"{topic.name} keeps records for {milliseconds / 3_600_000:.0f} hours only"
        remedy = f"keep them longer than your longest outage ({_RETENTION})"
        yield warning(_SUBJECT, found, remedy)
    if topic in (CALL_EVENTS, DELIVERIES) and int(settings.get("retention.bytes", -1)) >= 0:
        found = f"{topic.name}: retention.bytes is set, so a busy day removes records early"
        yield warning(_SUBJECT, found, f"set retention.bytes=-1 ({_RETENTION})")
