"""Every setting there is: its name, default and meaning, in the order of `docs/settings.md`.

`cost_analytics.settings` reads no variable that does not stand here, and the page is made from
this table, so neither can fall behind:
`python -m cost_analytics.configuration.variables >docs/settings.md`.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Need = Literal[
    "kafka",
    "database",
    "tokens",
    "api",
    "budget",
    "prices",
    "worker",
    "delivery",
    "anomalies",
    "dev",
]
"""A section that a command asks for; logs are always read."""

Section = Need | Literal["logs"]


class Variable(NamedTuple):
    """One environment variable; an empty `default` means that there is none."""

    section: Section
    name: str
    default: str
    meaning: str


_TITLES: Final[dict[Section, str]] = {
    "kafka": "Kafka",
    "database": "PostgreSQL",
    "tokens": "Tokens",
    "api": "The API",
    "budget": "Budgets",
    "prices": "Prices",
    "worker": "The worker",
    "delivery": "Delivery of alerts to people",
    "anomalies": "Anomalies",
    "dev": "The development instance",
    "logs": "Logs",
}

_ALL: Final = (
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
    Variable("kafka", "KAFKA_SASL_PASSWORD", "", "Needed with a SASL protocol. Secret."),
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
        "`&sslrootcert=/path/ca.pem`. Secret. Needed by all commands but `publish`, `simulate` "
        "and `token`.",
    ),
    Variable(
        "tokens",
        "JWT_SECRET",
        "",
        "Shared key of HS256 tokens, at least 32 bytes. Secret. Exactly one of this and the two "
        "below is needed by `api`; `token` needs this one.",
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
    Variable("api", "API_HOST", "127.0.0.1", "Address to listen on; `0.0.0.0` in a container."),
    Variable("api", "API_PORT", "8080", "Port to listen on."),
    Variable(
        "api",
        "CORS_ORIGINS",
        "",
        "Origins whose pages may call the API: `https://app.example.com`, several with commas; "
        "`*` alone for all.",
    ),
    Variable(
        "budget",
        "BUDGET_BASIS",
        "charged",
        "What counts against a budget: what the user is `charged`, or the `cost` of the calls.",
    ),
    Variable(
        "prices",
        "PRICE_SOURCES",
        "",
        "A JSON file that names the sources of prices ([prices](prices.md)). Without it nothing "
        "is fetched.",
    ),
    Variable(
        "worker",
        "WORKER_LANES",
        "2",
        "Batches that one worker writes at the same time, each over a connection of its own.",
    ),
    Variable(
        "worker",
        "WORKER_BATCH_MAX",
        "32000",
        "Most events in one transaction. Larger is faster under load, up to about 32000.",
    ),
    Variable(
        "worker",
        "WORKER_REFUSAL_STOP_PERCENT",
        "50",
        "A large batch (1000 refusals or more) of which this much is refused is not recorded but "
        "tried again, since the fault is more likely ours. 0 switches this off.",
    ),
    Variable(
        "delivery",
        "SMTP_URL",
        "",
        "Where mail is handed in: `smtp://user:password@host:587` (STARTTLS, which is demanded "
        "where there is a password) or `smtps://…:465`. Secret. Unset: no channels of type "
        "`email`.",
    ),
    Variable(
        "delivery",
        "SMTP_FROM",
        "",
        "The email address that notices come from. Unset: the user of `SMTP_URL`.",
    ),
    Variable(
        "delivery",
        "SMS_URL",
        "",
        "Where messages are posted, `https`; with Twilio "
        "`https://api.twilio.com/2010-04-01/Accounts/AC…/Messages.json`. Unset: no channels of "
        "type `sms`.",
    ),
    Variable("delivery", "SMS_USERNAME", "", "Account at the provider."),
    Variable("delivery", "SMS_PASSWORD", "", "Its key. Secret."),
    Variable(
        "delivery",
        "SMS_FROM",
        "",
        "Number or name that messages come from, or a messaging service of Twilio's (`MG…`).",
    ),
    Variable(
        "delivery",
        "WEBHOOK_ALLOW_PRIVATE",
        "false",
        "**Unsafe**, for development and tests only: `true` lets users send webhooks by plain "
        "HTTP, to any port, and into the network that this runs in. Set it alike for `api` and "
        "`notices`.",
    ),
    Variable(
        "anomalies",
        "ANOMALY_GRACE_MINUTES",
        "15",
        "After so many minutes without news of a call its costs are taken for complete, and a cost "
        "that is missing is an anomaly ([anomalies](anomalies.md)). 1 to 1440.",
    ),
    Variable(
        "anomalies",
        "ANOMALY_LEGS",
        "telephony,speech_recognition,inference,speech_synthesis",
        "Where a finished call must have cost something, with commas; `none` for nowhere.",
    ),
    Variable("dev", "PORT", "8080", "Where `make run` serves the dashboard and the API."),
    Variable(
        "dev",
        "SIMULATE",
        "1",
        "`0` starts `make run` without simulated calls, and the first time without their past.",
    ),
    Variable("logs", "LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`."),
    Variable(
        "logs",
        "LOG_FORMAT",
        "",
        "`text` for people or `json`, one object a line. Unset: text on a terminal, else JSON.",
    ),
)

VARIABLES: Final = {variable.name: variable for variable in _ALL}
"""By name."""

_HEAD: Final = """\
# Settings

<!-- Made by `python -m cost_analytics.configuration.variables`: edit that module instead. -->

All settings are environment variables, read and checked once at start; whatever is wrong with
them is reported together. An empty variable counts as unset. A command looks only at the sections
it needs, so a worker is not given the API's secrets.

`make run` writes the ones it chose to `.local/dev.env`, and every command that is run in the same
directory takes from there what its environment leaves unset. Nothing is mixed: with
`KAFKA_BOOTSTRAP_SERVERS` in the environment no `KAFKA_*` comes from the file, and with a JWT key of
one kind none of another.

Secrets are replaced by stars in every log line.
"""


def settings_page() -> str:
    """Return the text of `docs/settings.md`."""
    parts = [_HEAD]
    for section, title in _TITLES.items():
        rows = [
            f"| `{variable.name}` | {f'`{variable.default}`' if variable.default else ''} "
            f"| {variable.meaning} |"
            for variable in _ALL
            if variable.section == section
        ]
        parts.append("\n".join([f"## {title}\n", "| name | default | |", "|---|---|---|", *rows]))
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(settings_page())
