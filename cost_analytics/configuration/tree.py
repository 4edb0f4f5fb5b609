"""The settings as frozen values, one class for each section; secrets are wrapped.

A section that a command did not ask for holds its blank defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Literal

from cost_analytics.configuration.secret import Secret

if TYPE_CHECKING:
    from messaging.kafka import KafkaSettings
    from schemas.anomalies import Leg
    from schemas.notices import ChannelType

BudgetBasis = Literal["charged", "cost"]
LogFormat = Literal["text", "json", ""]

_NO_SECRET = Secret("")


@dataclass(frozen=True, slots=True)
class KafkaSection:
    """How to reach the brokers, and how topics that we create are laid out."""

    bootstrap_servers: str = ""
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: Secret = _NO_SECRET
    ssl_ca_file: str | None = None
    idempotent: bool = True
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 2_000
    rebalance_timeout_ms: int = 20_000
    fetch_max_wait_ms: int = 100
    topic_partitions: int = 8
    topic_replication: int = 1

    def client(self) -> KafkaSettings:
        """Return what `messaging.kafka` connects with; imports aiokafka, which takes a moment."""
        from messaging.kafka import KafkaSettings

        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers,
            security_protocol=self.security_protocol,
            sasl_mechanism=self.sasl_mechanism,
            sasl_username=self.sasl_username,
            sasl_password=self.sasl_password.reveal() or None,
            ssl_ca_file=self.ssl_ca_file,
            idempotent=self.idempotent,
            session_timeout_ms=self.session_timeout_ms,
            heartbeat_interval_ms=self.heartbeat_interval_ms,
            rebalance_timeout_ms=self.rebalance_timeout_ms,
            fetch_max_wait_ms=self.fetch_max_wait_ms,
        )


@dataclass(frozen=True, slots=True)
class TokenSection:
    """How bearer tokens are verified (one of the first three), and what they must say."""

    secret: Secret = _NO_SECRET
    public_key: str | None = None
    jwks_url: str | None = None
    issuer: str | None = None
    audience: str | None = None
    user_claim: str = "sub"
    lifetime_seconds_max: int = 400 * 86_400


@dataclass(frozen=True, slots=True)
class ApiSection:
    """Where the API listens, and the origins whose pages may call it.

    With a `metrics_port` `/metrics` is served there only.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    metrics_port: int | None = None
    cors_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LimitSection:
    """How much one client may take of one API process, and which proxies name the client."""

    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    requests_per_second: int = 200
    burst: int = 1_000
    failures_per_second: int = 10
    requests_per_user: int = 256
    requests_per_address: int = 1_024
    connections: int = 4_096
    connections_per_address: int = 1_024
    sockets: int = 3_000
    sockets_per_user: int = 20
    sockets_per_address: int = 500
    exports: int = 3
    exports_per_address: int = 2
    export_bytes_per_second: int = 16_384


@dataclass(frozen=True, slots=True)
class WorkerSection:
    """How much a worker does at once."""

    lanes: int = 2
    batch_max: int = 32_000
    refusal_stop_percent: int = 50


@dataclass(frozen=True, slots=True)
class RetentionSection:
    """How many days data are kept that no total needs, and how often they are looked through."""

    interval_minutes: int = 60
    identity_days: int = 430
    dead_letter_days: int = 400
    price_proposal_days: int = 730
    price_refresh_days: int = 90
    alert_days: int = 800
    anomaly_days: int = 800
    notification_days: int = 180
    total_days: int = 90


@dataclass(frozen=True, slots=True)
class DeliverySection:
    """How alerts reach people; an empty address switches a way off."""

    smtp_url: Secret = _NO_SECRET
    smtp_from: str | None = None
    public_url: str | None = None
    sms_url: str | None = None
    sms_username: str | None = None
    sms_password: Secret = _NO_SECRET
    sms_from: str | None = None
    webhook_allow_private: bool = False

    def channel_types(self) -> tuple[ChannelType, ...]:
        """Return the ways that are set up."""
        email: tuple[ChannelType, ...] = ("email",) if self.smtp_url else ()
        sms: tuple[ChannelType, ...] = ("sms",) if self.sms_url else ()
        return (*email, *sms, "webhook")


@dataclass(frozen=True, slots=True)
class AnomalySection:
    """After how long a call's costs are taken for complete, and where a call must have any."""

    grace_minutes: int = 15
    legs: tuple[Leg, ...] = ()


@dataclass(frozen=True, slots=True)
class DevSection:
    """What `make run` serves on, and how many times the usual rate of calls it simulates.

    The broker's log is replaced when it has grown by `broker_memory_mb`.
    """

    port: int = 8080
    simulate: int = 1
    broker_memory_mb: int = 64


@dataclass(frozen=True, slots=True)
class LogSection:
    """What is logged and how; an empty format is text on a terminal and JSON elsewhere."""

    level: str = "INFO"
    format: LogFormat = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a command may need to know about where it runs."""

    kafka: KafkaSection = field(default_factory=KafkaSection)
    database_url: Secret = _NO_SECRET
    rerate_url: Secret = _NO_SECRET
    passwords: Mapping[str, Secret] = field(default_factory=dict)
    tokens: TokenSection = field(default_factory=TokenSection)
    api: ApiSection = field(default_factory=ApiSection)
    limits: LimitSection = field(default_factory=LimitSection)
    budget_basis: BudgetBasis = "charged"
    price_sources: str | None = None
    worker: WorkerSection = field(default_factory=WorkerSection)
    retention: RetentionSection = field(default_factory=RetentionSection)
    delivery: DeliverySection = field(default_factory=DeliverySection)
    anomalies: AnomalySection = field(default_factory=AnomalySection)
    dev: DevSection = field(default_factory=DevSection)
    logs: LogSection = field(default_factory=LogSection)

    def secrets(self) -> list[str]:
        """Return the texts that must never reach a log line."""
        wrapped = (
            self.kafka.sasl_password,
            self.database_url,
            self.rerate_url,
            *self.passwords.values(),
            self.tokens.secret,
            self.delivery.smtp_url,
            self.delivery.sms_password,
        )
        return [secret.reveal() for secret in wrapped if secret]
