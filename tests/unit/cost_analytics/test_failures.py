"""External failures get clear messages with a hint; internal errors stay errors."""

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.configuration.secret import Secret
from cost_analytics.failures import CommandError, using_database, using_kafka
from ledger.postgres.migrate import UnfinishedRestoreError, UnknownSchemaError

URL = Secret("postgresql://user:correct-horse@db.example:6432/costs")
KAFKA = KafkaSection(bootstrap_servers="broker:9092", sasl_password=Secret("correct-horse"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "cannot be reached"),
        (TimeoutError(), "no response in time"),
        (asyncpg.InvalidCatalogNameError("no"), "does not exist"),
        (asyncpg.InvalidPasswordError("no"), "the password was refused"),
        (asyncpg.UndefinedTableError("no"), "cost-analytics migrate"),
        (asyncpg.UndefinedColumnError("no"), "cost-analytics migrate"),
        (asyncpg.TooManyConnectionsError("no"), "no free connections"),
        (asyncpg.AdminShutdownError("shutting correct-horse down"), "shutting *** down"),
        (UnknownSchemaError("The database has schema version 9."), "schema version 9"),
        (UnfinishedRestoreError("A restore is not complete."), "restore is not complete"),
    ],
)
def test_database_errors_get_a_clear_message(error: Exception, words: str) -> None:
    with pytest.raises(CommandError) as caught, using_database(URL):
        raise error
    message = str(caught.value)
    assert message.startswith("PostgreSQL at db.example:6432: ")
    assert words in message
    assert message.endswith(".")
    assert "correct-horse" not in message


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KafkaConnectionError("correct-horse"), "it cannot be reached"),
        (TimeoutError(), "no response in time"),
        (TopicAuthorizationFailedError("a-topic"), "TopicAuthorizationFailedError"),
        (FileNotFoundError(2, "No such file"), "No such file"),
    ],
)
def test_kafka_errors_get_a_clear_message(error: Exception, words: str) -> None:
    with pytest.raises(CommandError) as caught, using_kafka(KAFKA):
        raise error
    message = str(caught.value)
    assert message.startswith("Kafka at broker:9092: ")
    assert words in message
    assert "correct-horse" not in message


def test_internal_errors_are_not_hidden() -> None:
    with pytest.raises(KeyError), using_database(URL), using_kafka(KAFKA):
        raise KeyError("ours")


def test_command_errors_pass_through() -> None:
    with pytest.raises(CommandError, match="said"), using_database(URL):
        raise CommandError("said")


def test_other_system_errors_pass_through() -> None:
    with pytest.raises(OSError, match="disk"), using_kafka(KAFKA, kafka_errors_only=True):
        raise OSError("disk")
