"""Reports expected errors as one sentence with a remedy instead of a traceback.

Commands raise `CommandError` themselves, and wrap calls of PostgreSQL and Kafka with
`using_database` and `using_kafka`. Any other exception is a bug and keeps its traceback.
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

_LACKS_RIGHTS: Final = "42501"
ADMINISTRATOR_NEEDED: Final = "ADMIN_DATABASE_URL must name the owner of the tables or a superuser"
"""The remedy if a command of administrators lacks rights."""

_REASON_OF_SQLSTATE: Final = {
    "3D000": "the database does not exist; create it first",
    "28000": "the user was refused; check DATABASE_URL",
    "28P01": "the password was refused; check DATABASE_URL",
    "42P01": "the database has no schema; run `cost-analytics migrate` first",
    "42703": "the database has an older schema; run `cost-analytics migrate` first",
    _LACKS_RIGHTS: "the user of DATABASE_URL lacks the right to do this",
    "53300": "there are no free connections",
    "57P03": "it is starting up; try again shortly",
}


class CommandError(Exception):
    """A command failed; the message is one sentence for people."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class OutputClosedError(Exception):
    """The reader of standard output closed it, as `head` does after its last line."""


def first_error(group: ExceptionGroup[Exception]) -> Exception:
    """Return the first error of a task group, which ended the other tasks."""
    error = group.exceptions[0]
    return first_error(error) if isinstance(error, ExceptionGroup) else error


@contextmanager
def using_database(url: Secret, *, as_administrator: bool = False) -> Iterator[None]:
    """Raise CommandError for errors of PostgreSQL, or of the connection to it, in this block.

    `as_administrator` is for commands that log in with ADMIN_DATABASE_URL.
    """
    try:
        yield
    except CommandError:
        raise
    except Exception as error:  # unknown errors are raised again
        reason = _database_reason(error)
        if as_administrator and getattr(error, "sqlstate", None) == _LACKS_RIGHTS:
            reason = f"the login lacks the right to do this; {ADMINISTRATOR_NEEDED}"
        if reason is None:
            raise
        reason = Redactor([url.reveal()]).redact(reason)
        raise CommandError(f"PostgreSQL at {_host_and_port(url)}: {reason.rstrip('.')}.") from None


def _database_reason(error: Exception) -> str | None:
    """Return the description of a database error, None for any other error."""
    from ledger.postgres.database import DATA_ERRORS, TRANSIENT_ERRORS
    from ledger.postgres.migrate import UnfinishedRestoreError, UnknownSchemaError
    from ledger.postgres.rights import MissingRolesError

    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str) and sqlstate in _REASON_OF_SQLSTATE:
        return _REASON_OF_SQLSTATE[sqlstate]
    if isinstance(error, UnknownSchemaError | UnfinishedRestoreError | MissingRolesError):
        return str(error).rstrip(".")
    if isinstance(error, TimeoutError):
        return "no response in time; check that it is running and not overloaded"
    if isinstance(error, OSError):
        return f"it cannot be reached ({error.strerror or error}); check that it is running"
    if isinstance(error, TRANSIENT_ERRORS) and not isinstance(error, DATA_ERRORS):
        return f"it is not able to do this at the moment ({error})"
    return None


def _host_and_port(url: Secret) -> str:
    """Return only the host and the port of an address."""
    try:
        parts = urlsplit(url.reveal())
        return f"{parts.hostname or 'a local socket'}:{parts.port or 5432}"
    except ValueError:
        return "the address in DATABASE_URL"


@contextmanager
def using_kafka(kafka: KafkaSection, *, kafka_errors_only: bool = False) -> Iterator[None]:
    """Raise CommandError for errors of the brokers, or of the connection to them, in this block.

    With `kafka_errors_only`, an error of the operating system is raised unchanged: it may have
    other causes.
    """
    from messaging.kafka import KafkaError

    try:
        yield
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        if kafka_errors_only and not isinstance(error, KafkaError):
            raise
        raise kafka_failure(kafka, error) from None


def kafka_failure(kafka: KafkaSection, error: Exception) -> CommandError:
    """Return a CommandError for an error of Kafka or of the connection to it."""
    reason = Redactor([kafka.sasl_password.reveal()]).redact(_kafka_reason(error))
    return CommandError(
        f"Kafka at {kafka.bootstrap_servers}: {reason}; check that it is running, and that the "
        "KAFKA_* settings are right."
    )


def _kafka_reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no response in time"
    name = type(error).__name__
    if name in {"KafkaConnectionError", "NodeNotReadyError"}:
        return "it cannot be reached"
    text = str(error).strip().removeprefix(f"{name}: ").removeprefix(name).rstrip(".")
    return f"{name} {text}".strip()
