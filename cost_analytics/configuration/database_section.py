"""Settings of PostgreSQL: the address and the password by which each process logs in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args
from urllib.parse import parse_qs, quote, urlsplit

from cost_analytics.configuration.dev_file import DEV_FILE_HINT
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.variable import Variable

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

Login = Literal["api", "worker", "notifications", "migrate", "operator", "admin"]
PROCESSES: Final = tuple(login for login in get_args(Login) if login != "admin")
"""The processes with a login of their own; `admin` is an administrator of the server."""

PASSWORD_BYTES_MIN: Final = 12
_WAY_OUT: Final = "; `openssl rand -hex 24` makes a good one"
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_USERS: Final[dict[Login, str]] = {
    "api": "`api`",
    "worker": "`worker`",
    "notifications": "`notices`",
    "migrate": "`migrate`",
    "operator": "all other commands",
    "admin": "`roles create`, `backup` and `restore`: an administrator of the server",
}
_SHARED_URL: Final = Variable(
    "DATABASE_URL",
    "",
    "`postgresql://user:password@host:port/database`. TLS: add `?sslmode=verify-full` and "
    "`&sslrootcert=/path/ca.pem`. Needed by all commands but `publish`, `simulate` and "
    "`token`. Each process has a login of its own (`cost-analytics roles create`); where "
    "several share one environment, the addresses below come first. The password may be "
    "given apart, as one of the passwords below.",
    secret=True,
)
_RERATE_URL: Final = Variable(
    "RERATE_DATABASE_URL",
    "",
    "The worker's address, for `api`: with it administrators can apply late prices through the "
    "API. Without it that route answers 503, and `prices rerate` does the same.",
    secret=True,
)
_URLS: Final = {
    login: Variable(f"{login.upper()}_DATABASE_URL", "", f"`DATABASE_URL` of {user}.", secret=True)
    for login, user in _USERS.items()
}
_PASSWORDS: Final = {
    login: Variable(
        f"{login.upper()}_DATABASE_PASSWORD",
        "",
        f"What {user} log in with where the address has no password, and what `roles create` "
        f"gives the login: at least {PASSWORD_BYTES_MIN} bytes and 8 different characters, and no "
        "repetition of a shorter text."
        if login in PROCESSES
        else "The administrator's password, where the address has none.",
        secret=True,
    )
    for login, user in _USERS.items()
}
DATABASE_VARIABLES: Final = (_SHARED_URL, *_URLS.values(), _RERATE_URL, *_PASSWORDS.values())


def database_url(reader: Reader, login: Login) -> Secret:
    """Read the database's address, that of the login where it has its own."""
    own = _URLS[login].name
    name = own if reader.is_set(own) else _SHARED_URL.name
    reader.required(name, DEV_FILE_HINT)
    _check(reader, name)
    return _with_password(reader, name, login)


def rerate_url(reader: Reader) -> Secret:
    """Read the worker's address, with which the API applies late prices; empty where unset."""
    _check(reader, _RERATE_URL.name)
    return _with_password(reader, _RERATE_URL.name, "worker")


def login_passwords(reader: Reader) -> dict[str, Secret]:
    """Read the passwords that `roles create` gives to logins, by process."""
    return {
        process: reader.strong_secret(_PASSWORDS[process].name, PASSWORD_BYTES_MIN, _WAY_OUT)
        for process in PROCESSES
    }


def _with_password(reader: Reader, name: str, login: Login) -> Secret:
    """Return an address with the login's password, where it names a user and no password."""
    url = reader.text(name)
    password = reader.text(_PASSWORDS[login].name)
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
