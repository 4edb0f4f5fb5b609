"""Reads the addresses and passwords by which processes log in to PostgreSQL."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import parse_qs, quote, urlsplit

from cost_analytics.configuration.reader import DEV_FILE_HINT, Reader
from cost_analytics.configuration.secret import Secret

Login = Literal["migrate", "operator", "worker", "api", "notifications", "admin"]
PROCESSES: Final = ("migrate", "operator", "worker", "api", "notifications")
"""The processes with a login of their own; `admin` is an administrator of the server."""

PASSWORD_BYTES_MIN: Final = 12
_WAY_OUT: Final = "; `openssl rand -hex 24` makes a good one"
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def database_url(reader: Reader, login: Login) -> Secret:
    """Read the database's address, that of the login where it has its own."""
    own = f"{login.upper()}_DATABASE_URL"
    name = own if reader.is_set(own) else "DATABASE_URL"
    reader.required(name, DEV_FILE_HINT)
    _check(reader, name)
    return _with_password(reader, name, login)


def rerate_url(reader: Reader) -> Secret:
    """Read the worker's address, with which the API applies late prices; empty where unset."""
    _check(reader, "RERATE_DATABASE_URL")
    return _with_password(reader, "RERATE_DATABASE_URL", "worker")


def login_passwords(reader: Reader) -> dict[str, Secret]:
    """Read the passwords that `roles create` gives to logins, by process."""
    return {
        process: reader.strong_secret(
            f"{process.upper()}_DATABASE_PASSWORD", PASSWORD_BYTES_MIN, _WAY_OUT
        )
        for process in PROCESSES
    }


def _with_password(reader: Reader, name: str, login: Login) -> Secret:
    """Return an address with the login's password, where it names a user and no password."""
    url = reader.text(name)
    password = reader.text(f"{login.upper()}_DATABASE_PASSWORD")
    user, at, place = url.partition("://")[2].partition("/")[0].rpartition("@")
    if not password or not at or ":" in user:
        return Secret(url)
    return Secret(url.replace(f"{user}@{place}", f"{user}:{quote(password, safe='')}@{place}", 1))


def _check(reader: Reader, name: str) -> None:
    """Check an address without ever showing it."""
    value = reader.text(name)
    if not value:
        return
    form = "must be an address like postgresql://user:password@host:5432/database"
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises ValueError where it is no number
        query = parse_qs(parts.query)
    except ValueError:
        reader.wrong(name, f"{form}; a special character in the password is written as %XX.")
        return
    if parts.scheme not in {"postgresql", "postgres"} or not (parts.hostname or "host" in query):
        reader.wrong(name, f"{form}.")
        return
    if not parts.path.strip("/"):
        reader.wrong(name, "names no database after the host.")
    if query.get("sslmode", ["prefer"])[-1] not in _SSL_MODES:
        reader.wrong(name, f"has an sslmode that is none of {', '.join(_SSL_MODES)}.")
