"""Settings of the processes of the development instance, and of commands beside it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from cost_analytics import settings
from cost_analytics.configuration.database_section import Login
from cost_analytics.configuration.dev_file import read_env_file
from cost_analytics.configuration.tree import Settings
from cost_analytics.configuration.variable import Need
from cost_analytics.failures import CommandError

if TYPE_CHECKING:
    from ledger.postgres.logins import ProcessName

_HOST: Final = "127.0.0.1"
_SECRET_BYTES: Final = 48
_PASSWORD_BYTES: Final = 24
_KAFKA: Final = {
    # What the embedded broker does not support, and timeouts for a group of one member: the broker
    # assigns partitions for the first time after half of the session timeout.
    "KAFKA_IDEMPOTENT": "false",
    "KAFKA_SESSION_TIMEOUT_MS": "2000",
    "KAFKA_HEARTBEAT_INTERVAL_MS": "500",
    "KAFKA_REBALANCE_TIMEOUT_MS": "2000",
}
_RETENTION: Final = {
    # An instance may run for weeks. The data behind totals, repeats and late events are kept as
    # long as in production.
    "RETENTION_INTERVAL_MINUTES": "10",
    "RETENTION_DEAD_LETTER_DAYS": "7",
    "RETENTION_PRICE_PROPOSAL_DAYS": "7",
    "RETENTION_PRICE_REFRESH_DAYS": "7",
    "RETENTION_NOTIFICATION_DAYS": "7",
    "RETENTION_TOTAL_DAYS": "1",
}


def new_passwords() -> dict[ProcessName, str]:
    """Return a new password for each login; every start generates new ones."""
    from ledger.postgres.logins import PROCESSES

    return {process: secrets.token_urlsafe(_PASSWORD_BYTES) for process in PROCESSES}


def database_urls(url: str, passwords: Mapping[ProcessName, str]) -> dict[str, str]:
    """Return the addresses of a database by the names of their settings.

    DATABASE_URL, for other programs that read the file, is the operator's.
    """
    from ledger.postgres.logins import login_url

    urls = {name: login_url(url, name, password) for name, password in passwords.items()}
    own = {f"{name.upper()}_DATABASE_URL": address for name, address in urls.items()}
    return {
        **own,
        "DATABASE_URL": urls["operator"],
        "RERATE_DATABASE_URL": urls["worker"],
        "PEOPLE_DATABASE_URL": urls["operator"],
    }


def dev_values(
    dev_file: Path, *, bootstrap: str, database_urls: Mapping[str, str], port: int
) -> dict[str, str]:
    """Return all settings of the instance; the secret for tokens is kept from the last run.

    Raises CommandError if the file of the last run cannot be read.
    """
    try:
        last = read_env_file(dev_file)
    except (OSError, UnicodeDecodeError):
        raise CommandError(f"{dev_file} cannot be read; remove it.") from None
    passed_on = settings.passed_on_by_dev()
    if "JWT_SECRET_FILE" not in passed_on:
        passed_on = {
            "JWT_SECRET": last.get("JWT_SECRET") or secrets.token_urlsafe(_SECRET_BYTES)
        } | passed_on
    return {
        # In development, webhook receivers are on this machine.
        "WEBHOOK_ALLOW_PRIVATE": "true",
        # Simulated costs are at most a minute late; a shorter grace period shows anomalies sooner.
        "ANOMALY_GRACE_MINUTES": "3",
        **_RETENTION,
        "PUBLIC_URL": f"http://{_HOST}:{port}",
        "INTAKE_URL": f"http://{_HOST}:{port}",
        **passed_on,
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        **_KAFKA,
        **database_urls,
        "API_HOST": _HOST,
        "API_PORT": str(port),
    }


def validate_settings(values: Mapping[str, str], login: Login = "operator") -> Settings:
    """Return the settings of a process; raises SettingsError for wrong variables."""
    needs = (need for need in get_args(Need) if need not in {"dev", "intake", "prices"})
    return settings.settings_from(values, *needs, login=login)
