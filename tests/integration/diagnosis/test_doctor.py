"""`cost-analytics doctor` finds each planted fault, and says what to do about it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.configuration.variables import VARIABLES
from devkit.embedded.apache_kafka import ApacheKafka
from messaging.cluster import retention_ms
from tests.support.background_loop import BackgroundLoop
from tests.support.command import run_command
from tests.support.diagnosis import (
    CLOSED_PORT,
    DAY_MS,
    Installation,
    PlantedFault,
    change_the_password,
    configures,
    log_in_as_superuser,
    prepare_topics,
    remove_deliveries,
    results,
    runs,
    sets,
)
from tests.support.streaming import Pipeline, SentRecord
from tests.support.topic_logs import PARTITION, delete_records

EVENTS = "cost.call-events.v1"
FAULTS = {
    "a misspelt setting": PlantedFault(
        sets("KAFKA_BOOTSTRAP_SERVER", "x"),
        "warning",
        "is not a setting",
        "KAFKA_BOOTSTRAP_SERVERS",
    ),
    "an invalid setting": PlantedFault(
        sets("API_PORT", "x"), "problem", "API_PORT must be a whole number", "docs/settings.md"
    ),
    "no PostgreSQL": PlantedFault(
        sets("OPERATOR_DATABASE_URL", f"postgresql://u:p@{CLOSED_PORT}/d"),
        "problem",
        "`operator` cannot log in",
        "check that it is running",
    ),
    "a wrong password": PlantedFault(
        change_the_password, "problem", "`worker` cannot log in", "DATABASE_URL"
    ),
    "an API that is a superuser": PlantedFault(
        log_in_as_superuser, "problem", "`api` logs in as the superuser", "roles create"
    ),
    "a lost key of viewers": PlantedFault(
        runs("DELETE FROM viewer_keys"), "problem", "does not have the key", "roles create"
    ),
    "an old schema": PlantedFault(
        runs(
            "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)"
        ),
        "problem",
        "the schema has version",
        "cost-analytics migrate",
    ),
    "a lost row policy": PlantedFault(
        runs("DROP POLICY own_rows ON calls"), "problem", "own_rows", "migrate"
    ),
    "a key that a restore may have made active again": PlantedFault(
        runs(
            "INSERT INTO api_keys (digest, hint, service, scopes, created_by, created_at) "
            "VALUES (sha256('k'), 'cak_abcd', 'bot', '{ingest}', 'root', now() - interval '1 day')",
            "INSERT INTO ledger_epochs (epoch, reason, raised_at) "
            "SELECT max(epoch) + 1, 'restore of ledger.dump', now() FROM ledger_epochs",
        ),
        "warning",
        "1 key may have been revoked before a restore: 1 (bot)",
        "keys confirm ID",
    ),
    "no Kafka": PlantedFault(
        sets("KAFKA_BOOTSTRAP_SERVERS", CLOSED_PORT), "problem", "cannot be reached", "running"
    ),
    "a missing topic": PlantedFault(
        remove_deliveries, "problem", "no topic cost.deliveries.v1", "start a worker"
    ),
    "events that Kafka keeps forever": PlantedFault(
        configures(EVENTS, retention_ms="-1"), "problem", "keeps records forever", "retention.ms"
    ),
    "events that Kafka keeps for hours": PlantedFault(
        configures(EVENTS, retention_ms=str(DAY_MS // 4)), "warning", "for 6 hours only", "outage"
    ),
    "compacted events": PlantedFault(
        configures(EVENTS, cleanup_policy="compact", retention_ms=str(10 * DAY_MS)),
        "problem",
        "cleanup.policy is compact",
        "cleanup.policy=delete",
    ),
    "totals that are not compacted": PlantedFault(
        configures("cost.call-totals.v1", cleanup_policy="delete"),
        "problem",
        "cleanup.policy is delete",
        "cleanup.policy=compact",
    ),
    "no worker": PlantedFault(
        runs("DELETE FROM stream_workers"), "problem", "no worker runs", "cost-analytics worker"
    ),
    "a partition without a worker": PlantedFault(
        runs("UPDATE stream_workers SET partitions = '{0}'"), "problem", "1 of 4", "start a worker"
    ),
    "a worker's wrong clock": PlantedFault(
        runs("UPDATE stream_workers SET clock_skew_ms = -60000"), "problem", "-60 s", "NTP"
    ),
    "an open gap": PlantedFault(
        runs(
            'INSERT INTO stream_gaps (cluster, topic, "partition", from_offset, to_offset, reason) '
            f"VALUES ('c', '{EVENTS}', 0, 1, 5, 'records_removed')"
        ),
        "problem",
        "1 open gap:",
        "gaps list",
    ),
    "a refused event": PlantedFault(
        runs(
            'INSERT INTO dead_letters (cluster, topic, "partition", "offset", code, message) '
            f"VALUES ('c', '{EVENTS}', 0, 1, 'invalid_json', 'm')"
        ),
        "warning",
        "1 invalid_json",
        "dlq list",
    ),
    "totals that do not leave": PlantedFault(
        runs(
            "INSERT INTO totals_outbox (worker_id, call_ids, created_at) "
            "VALUES ('w', '{c}', now() - interval '5 minutes')"
        ),
        "problem",
        "totals have waited for Kafka for 30",
        "check that Kafka accepts records",
    ),
    "retention that does not run": PlantedFault(
        runs(
            "INSERT INTO retention_progress (subject, ran_at) "
            "VALUES ('alerts', now() - interval '5 hours')"
        ),
        "warning",
        "has not run for 5 hours",
        "start a worker",
    ),
    "an unreachable mail server": PlantedFault(
        sets("SMTP_URL", f"smtp://a%40example.com:p@{CLOSED_PORT}"),
        "problem",
        "SMTP_URL: 127.0.0.1:1 cannot be reached",
        "firewall",
    ),
    "too few open files": PlantedFault(
        sets("LIMIT_CONNECTIONS", "1000000"), "warning", "may open", "ulimit -n"
    ),
}


@pytest.fixture(scope="module")
def topics(apache_kafka: ApacheKafka, background: BackgroundLoop) -> str:
    """The address of a broker whose topics are sound."""
    background.run(prepare_topics(apache_kafka.bootstrap))
    return apache_kafka.bootstrap


@pytest.fixture
async def installation(
    topics: str, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Installation]:
    """A sound installation."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    installation = Installation(database_url, topics, monkeypatch)
    await installation.prepare()
    yield installation
    if installation.changed_topics:
        await Pipeline(topics, True, database_url).reset_topics()
        await prepare_topics(topics)


# The shared database server of the tests does not keep its data over a crash: two problems.
UNSAFE = {"fsync is off", "full_page_writes is off"}


@pytest.mark.apache
async def test_a_sound_installation_has_no_problem(installation: Installation) -> None:
    found = await results()
    bad = [result for result in found if result.state not in {"ok", "skipped"}]
    assert {result.found.partition(":")[0] for result in bad} == UNSAFE
    assert {"settings", "PostgreSQL", "Kafka", "schema", "clocks", "stream", "events"} <= {
        result.subject for result in found if result.state == "ok"
    }


@pytest.mark.apache
@pytest.mark.parametrize("name", FAULTS)
async def test_a_planted_fault_is_found_with_its_remedy(
    name: str, installation: Installation
) -> None:
    fault = FAULTS[name]
    await fault.plant(installation)
    found = [result for result in await results() if fault.found in result.found]
    assert [result.state for result in found] == [fault.state]
    assert fault.remedy in found[0].remedy


@pytest.mark.apache
async def test_records_that_kafka_removed_uncounted_are_found(installation: Installation) -> None:
    pipeline = Pipeline(installation.bootstrap, True, installation.database_url)
    installation.changed_topics = True
    await pipeline.reset_topics()
    await pipeline.send([SentRecord(b"x", partition=PARTITION)] * 3)
    assert "3 records waiting to be counted" in {result.found for result in await results()}
    await delete_records(pipeline, 3)
    lost = [f for f in await results() if f.found.startswith("Kafka removed 3 records before")]
    assert [result.state for result in lost] == ["problem"]


@pytest.mark.apache
async def test_receipts_of_erasures_know_how_long_topics_keep_records(
    installation: Installation,
) -> None:
    await installation.configure("cost.deliveries.v1", {"retention.ms": "-1"})
    kafka = KafkaSection(installation.bootstrap).client()
    kept = await retention_ms(kafka, [EVENTS, "cost.deliveries.v1", "no.topic"])
    assert kept == {EVENTS: 10 * DAY_MS, "cost.deliveries.v1": None}


@pytest.mark.apache
def test_command_prints_findings_and_exits_with_1_for_a_problem(
    installation: Installation, tmp_path: Path
) -> None:
    values = dict(installation.settings())
    done = run_command("doctor", "--json", values=values, cwd=tmp_path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1, done.stderr
    assert {
        line["found"].partition(":")[0] for line in lines if line["state"] == "problem"
    } == UNSAFE
    assert all(set(line) == {"state", "subject", "found", "remedy"} for line in lines)
    text = run_command("doctor", "--process", "worker", values=values, cwd=tmp_path).stdout
    assert "✗ PostgreSQL   fsync is off" in text
    assert "2 problems, 0 warnings." in text
    assert "`api`" not in text


def test_an_environment_without_settings_is_a_problem(tmp_path: Path) -> None:
    done = run_command("doctor", values={}, cwd=tmp_path)
    assert done.returncode == 1
    assert "no process has its settings here" in done.stdout
    assert "Traceback" not in done.stderr
