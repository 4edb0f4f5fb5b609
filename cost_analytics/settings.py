"""Reads and validates settings once, when a command starts. Nothing else reads the environment.

Settings missing in the environment are taken from `.local/dev.env` of the current directory, which
a running `make run` writes. Two kinds of settings are never combined from both, because half of
each would not work: the settings of a Kafka cluster, and the keys of tokens.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from cost_analytics.configuration.database_section import (
    Login,
    database_url,
    login_passwords,
    people_url,
    rerate_url,
)
from cost_analytics.configuration.dev_file import DEV_FILE, read_env_file
from cost_analytics.configuration.reader import Reader
from cost_analytics.configuration.token_section import JWT_KEYS
from cost_analytics.configuration.tree import SECTIONS, Settings
from cost_analytics.configuration.variable import Need
from cost_analytics.configuration.variables import SECRETS, VARIABLES

_DATABASE_URLS: Final = frozenset(name for name in VARIABLES if "DATABASE_URL" in name)
_JWT_KEYS: Final = frozenset({"JWT_SECRET_FILE", *JWT_KEYS})
_DEV_OPTIONS: Final = frozenset(
    name for name, variable in VARIABLES.items() if variable.section == "dev"
)
_SET_BY_DEV: Final = (
    frozenset({"JWT_PUBLIC_KEY", "JWT_JWKS_URL", "API_HOST", "API_PORT", "METRICS_PORT"})
    | _DEV_OPTIONS
    | {name for name, variable in VARIABLES.items() if variable.section in {"database", "kafka"}}
)

_SIMILARITY_MIN: Final = 0.88


class SettingsError(Exception):
    """Invalid settings; `errors` has a sentence for each."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def load(*needs: Need, login: Login = "operator", dev_file: Path = DEV_FILE) -> Settings:
    """Read the sections in `needs` for a process that logs in to the database as `login`.

    Raises SettingsError with all errors.
    """
    return settings_from(merge(os.environ, _read(dev_file)), *needs, login=login)


def _read(dev_file: Path) -> Mapping[str, str]:
    try:
        return read_env_file(dev_file)
    except (OSError, UnicodeDecodeError):
        raise SettingsError([f"{dev_file} exists but cannot be read."]) from None


def settings_from(values: Mapping[str, str], *needs: Need, login: Login = "operator") -> Settings:
    """Read the sections in `needs` from `values`; raises SettingsError as `load` does."""
    reader = Reader(values)
    read: dict[str, Any] = {
        name: section.read(reader)
        for name, section in SECTIONS.items()
        if name in needs or name == "logs"
    }
    if "database" in needs:
        read["database_url"] = database_url(reader, login)
    if login == "api":
        read["rerate_url"] = rerate_url(reader)
        read["people_url"] = people_url(reader)
    elif login == "admin":
        read["passwords"] = login_passwords(reader)
    if reader.errors:
        raise SettingsError(reader.errors)
    return Settings(**read)


def merge(environment: Mapping[str, str], dev_values: Mapping[str, str]) -> dict[str, str]:
    """Return the settings in `environment`, completed by those in `dev_values`."""
    given = {name: environment[name] for name in VARIABLES if environment.get(name, "").strip()}
    dropped: set[str] = set()
    if given.get("KAFKA_BOOTSTRAP_SERVERS", "").strip() not in {
        "",
        dev_values.get("KAFKA_BOOTSTRAP_SERVERS", ""),
    }:
        dropped.update(name for name in dev_values if name.startswith("KAFKA_"))
    for secret in SECRETS.values():
        if {secret.name, secret.file_name} & given.keys():
            dropped.update({secret.name, secret.file_name})
    if _DATABASE_URLS & given.keys():
        dropped.update(_DATABASE_URLS)
    if _JWT_KEYS & given.keys():
        dropped.update(_JWT_KEYS)
    return {name: dev_values[name] for name in dev_values if name not in dropped} | given


def misspelt() -> dict[str, str]:
    """Return variables of our environment that are almost named like a setting, with its name."""
    unknown = sorted(name for name in os.environ.keys() - VARIABLES.keys() if name.isupper())
    nearest = {
        name: get_close_matches(name, VARIABLES, n=1, cutoff=_SIMILARITY_MIN) for name in unknown
    }
    return {name: setting for name, settings in nearest.items() for setting in settings}


def count_from_dev_file(dev_file: Path = DEV_FILE) -> int:
    """Return how many settings `load` takes from a file; raises SettingsError as it does."""
    return len(merge(os.environ, _read(dev_file)).keys() - os.environ.keys())


def ignored_by_dev() -> list[str]:
    """Return the variables of our environment that `dev` ignores because it sets them, sorted."""
    return sorted(name for name in _SET_BY_DEV - _DEV_OPTIONS if os.environ.get(name, "").strip())


def passed_on_by_dev() -> dict[str, str]:
    """Return the settings of our environment that `dev` passes on to its processes."""
    return {
        name: os.environ[name].strip()
        for name in VARIABLES
        if name not in _SET_BY_DEV and os.environ.get(name, "").strip()
    }


def command_environment(values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of one of our commands: ours, but with only `values` as settings."""
    others = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return others | dict(values)
