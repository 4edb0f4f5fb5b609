"""Settings of Kafka, PostgreSQL, tokens and the API."""

from __future__ import annotations

from typing import Final

from cost_analytics.configuration.variable import Variable

CONNECTION_VARIABLES: Final = (
    Variable(
        "kafka",
        "KAFKA_BOOTSTRAP_SERVERS",
        "",
        "Brokers to ask first: `host:port`, several with commas. Needed by `worker`, `notices`, "
        "`api`, `publish`, `simulate` and `dlq replay`.",
    ),
    Variable(
        "kafka",
        "KAFKA_SECURITY_PROTOCOL",
        "PLAINTEXT",
        "`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.",
    ),
    Variable(
        "kafka",
        "KAFKA_SASL_MECHANISM",
        "",
        "`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; needed with a SASL protocol.",
    ),
    Variable("kafka", "KAFKA_SASL_USERNAME", "", "Needed with a SASL protocol."),
    Variable("kafka", "KAFKA_SASL_PASSWORD", "", "Needed with a SASL protocol.", secret=True),
    Variable(
        "kafka",
        "KAFKA_SSL_CA_FILE",
        "",
        "A PEM file with the authority that signed the brokers' certificates, where it is not "
        "one that the system trusts.",
    ),
    Variable(
        "kafka",
        "KAFKA_IDEMPOTENT",
        "true",
        "Whether producers ask the broker to drop what they sent twice. `false` only for a broker "
        "that cannot, such as the embedded one; events carry identities either way.",
    ),
    Variable(
        "kafka",
        "KAFKA_SESSION_TIMEOUT_MS",
        "10000",
        "After this long without a heartbeat a worker's partitions go to the others.",
    ),
    Variable("kafka", "KAFKA_HEARTBEAT_INTERVAL_MS", "2000", "At most a third of the session."),
    Variable("kafka", "KAFKA_REBALANCE_TIMEOUT_MS", "20000", "Time to hand partitions over."),
    Variable(
        "kafka",
        "KAFKA_FETCH_MAX_WAIT_MS",
        "100",
        "How long a broker may wait for records before it says that there are none. The embedded "
        "one does not answer as soon as there are some; with `20` it does so sooner while its log "
        "is short.",
    ),
    Variable(
        "kafka",
        "KAFKA_TOPIC_PARTITIONS",
        "8",
        "Partitions of a topic that we create: the most workers that can share the work. "
        "Topics that exist are left as they are.",
    ),
    Variable(
        "kafka",
        "KAFKA_TOPIC_REPLICATION",
        "1",
        "Replicas of a topic that we create. 3 on a production cluster.",
    ),
    Variable(
        "database",
        "DATABASE_URL",
        "",
        "`postgresql://user:password@host:port/database`. TLS: add `?sslmode=verify-full` and "
        "`&sslrootcert=/path/ca.pem`. Needed by all commands but `publish`, `simulate` and "
        "`token`. Each process has a login of its own (`cost-analytics roles create`); where "
        "several share one environment, the addresses below come first. The password may be "
        "given apart, as one of the passwords below.",
        secret=True,
    ),
    Variable(
        "tokens",
        "JWT_SECRET",
        "",
        "Shared key of HS256 tokens: at least 32 bytes and 8 different characters, and no "
        "repetition of a shorter text. Exactly one of this and the two below is needed by `api`; "
        "`token` needs this one.",
        secret=True,
    ),
    Variable(
        "tokens",
        "JWT_PUBLIC_KEY",
        "",
        "Public key (PEM) of tokens that someone else signs. Its lines may be joined by `\\n`.",
    ),
    Variable(
        "tokens",
        "JWT_JWKS_URL",
        "",
        "Where the signer publishes its keys; `https`, or `http` on this machine.",
    ),
    Variable("tokens", "JWT_ISSUER", "", "Where set, only tokens with this `iss` are accepted."),
    Variable("tokens", "JWT_AUDIENCE", "", "Where set, only tokens with this `aud`."),
    Variable(
        "tokens",
        "JWT_USER_CLAIM",
        "sub",
        "The claim that names the user. `userId` for tokens of the original product.",
    ),
    Variable(
        "tokens",
        "JWT_LIFETIME_MAX_SECONDS",
        str(400 * 86_400),
        "A token that is valid for longer, from `iat` to `exp`, is refused, and `token` makes "
        "none. 60 s to 100 years.",
    ),
    Variable("api", "API_HOST", "127.0.0.1", "Address to listen on; `0.0.0.0` in a container."),
    Variable("api", "API_PORT", "8080", "Port to listen on."),
    Variable(
        "api",
        "METRICS_PORT",
        "",
        "Port of `API_HOST` that serves `/metrics`, which `API_PORT` then does not. Unset: "
        "`API_PORT` serves it, to anyone who can connect.",
    ),
    Variable(
        "api",
        "CORS_ORIGINS",
        "",
        "Origins whose pages may call the API: `https://app.example.com`, several with commas; "
        "`*` alone for all.",
    ),
)
