"""Reads each section of the settings and checks that its values fit together."""

from __future__ import annotations

import re
from typing import Final, cast
from urllib.parse import SplitResult, unquote

from cost_analytics.configuration.reader import DEV_FILE_HINT, Reader
from cost_analytics.configuration.token_section import is_local
from cost_analytics.configuration.tree import (
    AnomalySection,
    ApiSection,
    BudgetBasis,
    DeliverySection,
    DevSection,
    KafkaSection,
    LimitSection,
    LogFormat,
    LogSection,
    RetentionSection,
    WorkerSection,
)
from schemas.anomalies import LEGS

DAYS_MAX: Final = 36_500
IDENTITY_DAYS_MIN: Final = 430
"""An event may be 400 days old, and a month of margin for what waits in Kafka."""
ALERT_DAYS_MIN: Final = 465
"""The same, and the longest period of a budget."""
_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")
_MAIL: Final = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+")


def kafka(reader: Reader) -> KafkaSection:
    """Read how to reach the brokers."""
    protocol = reader.choice("KAFKA_SECURITY_PROTOCOL", _PROTOCOLS)
    section = KafkaSection(
        bootstrap_servers=reader.servers("KAFKA_BOOTSTRAP_SERVERS", DEV_FILE_HINT),
        security_protocol=protocol,
        sasl_mechanism=reader.choice("KAFKA_SASL_MECHANISM", _MECHANISMS) or None,
        sasl_username=reader.optional("KAFKA_SASL_USERNAME"),
        sasl_password=reader.secret("KAFKA_SASL_PASSWORD"),
        ssl_ca_file=reader.file("KAFKA_SSL_CA_FILE"),
        idempotent=reader.flag("KAFKA_IDEMPOTENT"),
        session_timeout_ms=reader.integer("KAFKA_SESSION_TIMEOUT_MS", 1_000, 300_000),
        heartbeat_interval_ms=reader.integer("KAFKA_HEARTBEAT_INTERVAL_MS", 100, 100_000),
        rebalance_timeout_ms=reader.integer("KAFKA_REBALANCE_TIMEOUT_MS", 1_000, 300_000),
        fetch_max_wait_ms=reader.integer("KAFKA_FETCH_MAX_WAIT_MS", 1, 10_000),
        topic_partitions=reader.integer("KAFKA_TOPIC_PARTITIONS", 1, 10_000),
        topic_replication=reader.integer("KAFKA_TOPIC_REPLICATION", 1, 100),
    )
    if 3 * section.heartbeat_interval_ms > section.session_timeout_ms:
        reader.wrong(
            "KAFKA_HEARTBEAT_INTERVAL_MS", "must be at most a third of KAFKA_SESSION_TIMEOUT_MS."
        )
    for name in ("KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"):
        if protocol.startswith("SASL") != reader.is_set(name):
            needed = "is needed with" if protocol.startswith("SASL") else "is set, but not used by"
            reader.wrong(name, f"{needed} KAFKA_SECURITY_PROTOCOL={protocol}.")
    return section


def api(reader: Reader) -> ApiSection:
    """Read where the API listens."""
    origins = reader.words("CORS_ORIGINS")
    for origin in origins if origins != ("*",) else ():
        if not _ORIGIN.fullmatch(origin):
            reader.wrong(
                "CORS_ORIGINS", f'must be origins like https://app.example.com, not "{origin}".'
            )
    port = reader.integer("API_PORT", 1, 65_535)
    metrics_port = (
        reader.integer("METRICS_PORT", 1, 65_535) if reader.is_set("METRICS_PORT") else None
    )
    if metrics_port == port:
        reader.wrong("METRICS_PORT", "must be another port than API_PORT.")
    return ApiSection(
        host=reader.text("API_HOST"), port=port, metrics_port=metrics_port, cors_origins=origins
    )


def limits(reader: Reader) -> LimitSection:
    """Read how much one client may take of one API process."""
    return LimitSection(
        trusted_proxies=reader.networks("TRUSTED_PROXIES"),
        requests_per_second=reader.integer("LIMIT_REQUESTS_PER_SECOND", 1, 1_000_000),
        burst=reader.integer("LIMIT_BURST", 1, 1_000_000),
        failures_per_second=reader.integer("LIMIT_FAILURES_PER_SECOND", 1, 1_000_000),
        requests_per_user=reader.integer("LIMIT_REQUESTS_PER_USER", 1, 1_000_000),
        requests_per_address=reader.integer("LIMIT_REQUESTS_PER_ADDRESS", 1, 1_000_000),
        connections=reader.integer("LIMIT_CONNECTIONS", 1, 1_000_000),
        connections_per_address=reader.integer("LIMIT_CONNECTIONS_PER_ADDRESS", 1, 1_000_000),
        sockets=reader.integer("LIMIT_SOCKETS", 1, 1_000_000),
        sockets_per_user=reader.integer("LIMIT_SOCKETS_PER_USER", 1, 1_000_000),
        sockets_per_address=reader.integer("LIMIT_SOCKETS_PER_ADDRESS", 1, 1_000_000),
        exports=reader.integer("LIMIT_EXPORTS", 1, 4),
        exports_per_address=reader.integer("LIMIT_EXPORTS_PER_ADDRESS", 1, 4),
        export_bytes_per_second=reader.integer("LIMIT_EXPORT_BYTES_PER_SECOND", 1, 1_000_000_000),
    )


def budget_basis(reader: Reader) -> BudgetBasis:
    """Read what counts against a budget."""
    return cast("BudgetBasis", reader.choice("BUDGET_BASIS", ("charged", "cost")))


def price_sources(reader: Reader) -> str | None:
    """Read which file names the sources of prices."""
    return reader.file("PRICE_SOURCES")


def worker(reader: Reader) -> WorkerSection:
    """Read how much a worker does at once."""
    return WorkerSection(
        lanes=reader.integer("WORKER_LANES", 1, 16),
        batch_max=reader.integer("WORKER_BATCH_MAX", 1, 100_000),
        refusal_stop_percent=reader.integer("WORKER_REFUSAL_STOP_PERCENT", 0, 100),
    )


def retention(reader: Reader) -> RetentionSection:
    """Read how many days data are kept that no total needs."""
    return RetentionSection(
        interval_minutes=reader.integer("RETENTION_INTERVAL_MINUTES", 1, 1_440),
        identity_days=reader.integer("RETENTION_IDENTITY_DAYS", IDENTITY_DAYS_MIN, DAYS_MAX),
        dead_letter_days=reader.integer("RETENTION_DEAD_LETTER_DAYS", 1, DAYS_MAX),
        price_proposal_days=reader.integer("RETENTION_PRICE_PROPOSAL_DAYS", 1, DAYS_MAX),
        price_refresh_days=reader.integer("RETENTION_PRICE_REFRESH_DAYS", 1, DAYS_MAX),
        alert_days=reader.integer("RETENTION_ALERT_DAYS", ALERT_DAYS_MIN, DAYS_MAX),
        anomaly_days=reader.integer("RETENTION_ANOMALY_DAYS", ALERT_DAYS_MIN, DAYS_MAX),
        notification_days=reader.integer("RETENTION_NOTIFICATION_DAYS", 7, DAYS_MAX),
        total_days=reader.integer("RETENTION_TOTAL_DAYS", 1, DAYS_MAX),
    )


def delivery(reader: Reader) -> DeliverySection:
    """Read how alerts reach people: nothing, or all that a way needs."""
    smtp = reader.url("SMTP_URL", ("smtp", "smtps"))
    sms = ("SMS_URL", "SMS_USERNAME", "SMS_PASSWORD", "SMS_FROM")
    if any(map(reader.is_set, sms)):
        for name in sms:
            reader.required(name, ", but another SMS setting is")
    provider = reader.url("SMS_URL", ("https", "http"))
    if provider and provider.scheme == "http" and not is_local(provider.hostname or ""):
        reader.wrong("SMS_URL", "must be https: the account's key is sent there.")
    return DeliverySection(
        smtp_url=reader.secret("SMTP_URL"),
        smtp_from=_smtp_from(reader, smtp),
        public_url=_public_url(reader),
        sms_url=reader.optional("SMS_URL"),
        sms_username=reader.optional("SMS_USERNAME"),
        sms_password=reader.secret("SMS_PASSWORD"),
        sms_from=reader.optional("SMS_FROM"),
        webhook_allow_private=reader.flag("WEBHOOK_ALLOW_PRIVATE"),
    )


def _smtp_from(reader: Reader, smtp: SplitResult | None) -> str | None:
    """Return the address that mail comes from: as set, else the account where that is one."""
    given = reader.optional("SMTP_FROM") or unquote(smtp.username or "" if smtp else "")
    if smtp and not _MAIL.fullmatch(given):
        reader.wrong("SMTP_FROM", "must be the email address that notices come from.")
    return given or None


def _public_url(reader: Reader) -> str | None:
    """Return our address for links, without a slash at its end."""
    name = "PUBLIC_URL"
    parts = reader.url(name, ("https", "http"))
    if parts is None:
        return None
    if parts.scheme == "http" and not is_local(parts.hostname or ""):
        reader.wrong(name, "must be https: its links carry secret tokens.")
    if parts.query or parts.fragment or parts.username is not None or not parts.geturl().isascii():
        reader.wrong(name, "must be an ASCII address without user, query and fragment.")
    return parts.geturl().rstrip("/")


def anomalies(reader: Reader) -> AnomalySection:
    """Read when a call without some cost is an anomaly."""
    words = reader.words("ANOMALY_LEGS")
    for word in words if words != ("none",) else ():
        if word not in LEGS:
            reader.wrong("ANOMALY_LEGS", f"must be none, or some of {', '.join(LEGS)}.")
    return AnomalySection(
        grace_minutes=reader.integer("ANOMALY_GRACE_MINUTES", 1, 1_440),
        legs=tuple(leg for leg in LEGS if leg in words),
    )


def dev(reader: Reader) -> DevSection:
    """Read what `make run` was asked for."""
    name = "SIMULATE"
    is_number = reader.text(name).isdecimal()
    return DevSection(
        port=reader.integer("PORT", 1, 65_535),
        simulate=reader.integer(name, 0, 100) if is_number else int(reader.flag(name)),
        broker_memory_mb=reader.integer("BROKER_MEMORY_MB", 1, 4_096),
    )


def logs(reader: Reader) -> LogSection:
    """Read what is logged and how."""
    return LogSection(
        level=reader.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR")),
        format=cast("LogFormat", reader.choice("LOG_FORMAT", ("text", "json"))),
    )
