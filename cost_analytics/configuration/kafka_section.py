"""Settings of Kafka."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from cost_analytics.configuration.dev_file import DEV_FILE_HINT
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.variable import (
    Section,
    choice,
    custom,
    file,
    flag,
    integer,
    optional,
    secret,
)

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader
    from messaging.kafka import KafkaSettings

_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class KafkaSection(Section):
    """The connection to the brokers, and the partitions and replicas of topics that we create."""

    bootstrap_servers: str = custom(
        "KAFKA_BOOTSTRAP_SERVERS",
        "",
        "Brokers, `host:port`, separated by commas. Needed by `worker`, `notices`, `commands`, "
        "`api`, and by commands that read or write topics, such as `publish` and `dlq replay`.",
        lambda reader, name: reader.servers(name, DEV_FILE_HINT),
    )
    security_protocol: str = choice(
        "KAFKA_SECURITY_PROTOCOL", "PLAINTEXT", _PROTOCOLS, "The security of connections:"
    )
    sasl_mechanism: str | None = choice(
        "KAFKA_SASL_MECHANISM", None, _MECHANISMS, "Needed with a SASL protocol:"
    )
    sasl_username: str | None = optional("KAFKA_SASL_USERNAME", "Needed with a SASL protocol.")
    sasl_password: Secret = secret("KAFKA_SASL_PASSWORD", "Needed with a SASL protocol.")
    ssl_ca_file: str | None = file(
        "KAFKA_SSL_CA_FILE",
        "A PEM file with the authority that signed the brokers' certificates, if the system does "
        "not trust it.",
    )
    idempotent: bool = flag(
        "KAFKA_IDEMPOTENT",
        True,
        "Whether producers are idempotent. `false` only for a broker that does not support it, "
        "such as the embedded one; repeated events are recognized by their identities in any case.",
    )
    session_timeout_ms: int = integer(
        "KAFKA_SESSION_TIMEOUT_MS",
        10_000,
        (1_000, 300_000),
        "After this time without a heartbeat, a worker's partitions are assigned to other workers.",
    )
    heartbeat_interval_ms: int = integer(
        "KAFKA_HEARTBEAT_INTERVAL_MS",
        2_000,
        (100, 100_000),
        "At most a third of the session timeout.",
    )
    rebalance_timeout_ms: int = integer(
        "KAFKA_REBALANCE_TIMEOUT_MS",
        20_000,
        (1_000, 300_000),
        "The maximum time to rejoin the group in a rebalance.",
    )
    fetch_max_wait_ms: int = integer(
        "KAFKA_FETCH_MAX_WAIT_MS",
        100,
        (1, 10_000),
        "How long a broker may wait for records before it answers with none. The embedded broker "
        "waits even if there are some; with `20` it answers sooner.",
    )
    topic_partitions: int = integer(
        "KAFKA_TOPIC_PARTITIONS",
        8,
        (1, 10_000),
        "Partitions of topics that we create: the maximum number of workers that share the work. "
        "Existing topics are not changed.",
    )
    topic_replication: int = integer(
        "KAFKA_TOPIC_REPLICATION",
        1,
        (1, 100),
        "Replicas of topics that we create; 3 on a production cluster.",
    )

    def check(self, reader: Reader) -> None:
        """Report a heartbeat that is too slow, and a login that is incomplete or not used."""
        if 3 * self.heartbeat_interval_ms > self.session_timeout_ms:
            reader.add_error(
                "KAFKA_HEARTBEAT_INTERVAL_MS",
                "must be at most a third of KAFKA_SESSION_TIMEOUT_MS.",
            )
        is_sasl = self.security_protocol.startswith("SASL")
        for variable in self.variables():
            if "_SASL_" in variable.name and is_sasl != reader.is_set(variable.name):
                needed = "is needed with" if is_sasl else "is set, but not used by"
                reader.add_error(
                    variable.name, f"{needed} KAFKA_SECURITY_PROTOCOL={self.security_protocol}."
                )

    def client(self) -> KafkaSettings:
        """Return the settings of Kafka clients; imports aiokafka, which takes some time."""
        from messaging.kafka import KafkaSettings

        values = {field.name: getattr(self, field.name) for field in fields(KafkaSettings)}
        return KafkaSettings(**values | {"sasl_password": self.sasl_password.reveal() or None})
