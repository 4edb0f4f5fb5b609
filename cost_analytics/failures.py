"""Turns what may go wrong on any day into one plain sentence with the way out, never a traceback.

Commands raise `CommandError` for what they find out themselves, and wrap their work with
`using_database` or `using_kafka` for what these services answer. Any other exception is a fault of
ours and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from cost_analytics.configuration.kafka_section import KafkaSection
from cost_analytics.configuration.secret import Secret
from cost_analytics.redaction import Redactor

FAILED: Final = 1
"""Exit code: the command could not do its work."""
MISUSED: Final = 2
"""Exit code: the arguments or the settings are wrong."""
INTERRUPTED: Final = 130
"""Exit code: interrupted by Ctrl-C."""

_BY_SQLSTATE: Final = {
    "3D000": "the database does not exist; create it first",
    "28000": "it refuses the user; check DATABASE_URL",
    "28P01": "it refuses the password; check DATABASE_URL",
    "42P01": "the database has no schema yet; run `cost-analytics migrate` first",
    "42703": "the database has an older schema; run `cost-analytics migrate` first",
    "42501": "the user of DATABASE_URL may not do this",
    "53300": "it has no connection to spare",
    "57P03": "it is starting up; try again in a moment",
}


class CommandError(Exception):
    """A command cannot go on; the message is one sentence for a person."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class OutputClosedError(Exception):
    """The reader of standard output has gone, as `head` does once it has its lines."""


@contextmanager
def using_database(url: Secret) -> Iterator[None]:
    """Raise CommandError for whatever PostgreSQL, or the way to it, answers in this block."""
    try:
        yield
    except CommandError:
        raise
    except Exception as error:  # sorted below: what we do not know is raised again
        reason = _database_reason(error)
        if reason is None:
            raise
        reason = Redactor([url.reveal()]).redact(reason)
        raise CommandError(f"PostgreSQL at {_place(url)}: {reason.rstrip('.')}.") from None


def _database_reason(error: Exception) -> str | None:
    """Return what is wrong with the database, None where something else is."""
    from ledger.postgres.database import DATA_ERRORS, TRANSIENT_ERRORS
    from ledger.postgres.migrate import UnknownSchemaError
    from ledger.postgres.rights import MissingRolesError

    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str) and sqlstate in _BY_SQLSTATE:
        return _BY_SQLSTATE[sqlstate]
    if isinstance(error, UnknownSchemaError | MissingRolesError):
        return str(error).rstrip(".")
    if isinstance(error, TimeoutError):
        return "it does not answer in time; see whether it is running, and not overloaded"
    if isinstance(error, OSError):
        return f"it cannot be reached ({error.strerror or error}); see whether it is running"
    if isinstance(error, TRANSIENT_ERRORS) and not isinstance(error, DATA_ERRORS):
        return f"it cannot do this now ({error})"
    return None


def _place(url: Secret) -> str:
    """Return host and port of an address, and nothing else of it."""
    try:
        parts = urlsplit(url.reveal())
        return f"{parts.hostname or 'a local socket'}:{parts.port or 5432}"
    except ValueError:
        return "the address in DATABASE_URL"


@contextmanager
def using_kafka(kafka: KafkaSection, *, its_own_only: bool = False) -> Iterator[None]:
    """Raise CommandError for whatever the brokers, or the way to them, answer in this block.

    `its_own_only` leaves an error of the operating system alone, which may come from elsewhere.
    """
    from messaging.kafka import KafkaError

    try:
        yield
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        if its_own_only and not isinstance(error, KafkaError):
            raise
        raise kafka_failure(kafka, error) from None


def kafka_failure(kafka: KafkaSection, error: Exception) -> CommandError:
    """Return the error to raise instead of one of Kafka's or of the way to it."""
    reason = Redactor([kafka.sasl_password.reveal()]).redact(_kafka_reason(error))
    return CommandError(
        f"Kafka at {kafka.bootstrap_servers}: {reason}; see whether it is running, and whether "
        "the KAFKA_* settings fit it."
    )


def _kafka_reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    name = type(error).__name__
    if name in {"KafkaConnectionError", "NodeNotReadyError"}:
        return "it cannot be reached"
    text = str(error).strip().removeprefix(f"{name}: ").removeprefix(name).rstrip(".")
    return f"{name} {text}".strip()
