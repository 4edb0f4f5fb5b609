"""Settings of PostgreSQL: the address and the password of each process's login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args
from urllib.parse import parse_qs, quote, urlsplit

from cost_analytics.configuration.dev_file import DEV_FILE_HINT
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.variable import Variable

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

Login = Literal["api", "worker", "notifications", "migrate", "operator", "admin"]
PROCESS_LOGINS: Final = tuple(login for login in get_args(Login) if login != "admin")
"""The logins of processes; `admin` is an administrator of the server."""

PASSWORD_BYTES_MIN: Final = 12
_HINT: Final = "; `openssl rand -hex 24` generates one"
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_USERS: Final[dict[Login, str]] = {
    "api": "`api`",
    "worker": "`worker`",
    "notifications": "`notices` and `commands`",
    "migrate": "`migrate`",
    "operator": "all other commands",
    "admin": "`roles create`, `backup` and `restore`: an administrator of the server",
}
_SHARED_URL: Final = Variable(
    "DATABASE_URL",
    "",
    "`postgresql://user:password@host:port/database`. TLS: add `?sslmode=verify-full` and "
    "`&sslrootcert=/path/ca.pem`. Needed by all commands but `publish`, `simulate`, `follow`, "
    "`map`, `token` and `completion`. Each process has its own login (`cost-analytics roles "
    "create`); if several processes share one environment, the addresses below have priority. The "
    "password may be given separately, as one of the passwords below.",
    secret=True,
)
_RERATE_URL: Final = Variable(
    "RERATE_DATABASE_URL",
    "",
    "The worker's address, for `api`: with it, administrators can apply late prices through the "
    "API. Without it, that route answers 503; `prices rerate` works in any case.",
    secret=True,
)
_PEOPLE_URL: Final = Variable(
    "PEOPLE_DATABASE_URL",
    "",
    "The operator's address, for `api`: with it, administrators can export and erase users through "
    "the API. Without it, these routes answer 503; `cost-analytics user` works in any case.",
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
        f"The password of {user} if the address has none; `roles create` gives it to the login. "
        f"At least {PASSWORD_BYTES_MIN} bytes and 8 different characters, and no repetition of a "
        "shorter text."
        if login in PROCESS_LOGINS
        else "The administrator's password if the address has none.",
        secret=True,
    )
    for login, user in _USERS.items()
}
DATABASE_VARIABLES: Final = (
    _SHARED_URL,
    *_URLS.values(),
    _RERATE_URL,
    _PEOPLE_URL,
    *_PASSWORDS.values(),
)


def database_url(reader: Reader, login: Login) -> Secret:
    """Return the database's address: that of the login if it is set, else the shared one."""
    own = _URLS[login].name
    name = own if reader.is_set(own) else _SHARED_URL.name
    reader.required(name, DEV_FILE_HINT)
    _check(reader, name)
    return _with_password(reader, name, login)


def rerate_url(reader: Reader) -> Secret:
    """Return the worker's address, with which the API applies late prices; empty if unset."""
    _check(reader, _RERATE_URL.name)
    return _with_password(reader, _RERATE_URL.name, "worker")


def people_url(reader: Reader) -> Secret:
    """Return the operator's address, with which the API erases users; empty if unset."""
    _check(reader, _PEOPLE_URL.name)
    return _with_password(reader, _PEOPLE_URL.name, "operator")


def login_passwords(reader: Reader) -> dict[str, Secret]:
    """Return the passwords that `roles create` gives to logins, by process."""
    return {
        process: reader.strong_secret(_PASSWORDS[process].name, PASSWORD_BYTES_MIN, _HINT)
        for process in PROCESS_LOGINS
    }


def _with_password(reader: Reader, name: str, login: Login) -> Secret:
    """Return an address with the login's password if it has a user and no password."""
    url = reader.text(name)
    password = reader.text(_PASSWORDS[login].name)
    user, at, host = url.partition("://")[2].partition("/")[0].rpartition("@")
    if not password or not at or ":" in user:
        return Secret(url)
    return Secret(url.replace(f"{user}@{host}", f"{user}:{quote(password, safe='')}@{host}", 1))


def _check(reader: Reader, name: str) -> None:
    """Report errors of an address, which no message quotes."""
    value = reader.text(name)
    if not value:
        return
    expected_form = "must be an address like postgresql://user:password@host:5432/database"
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises ValueError if it is not a number
        query = parse_qs(parts.query)
    except ValueError:
        reader.add_error(
            name, f"{expected_form}; a special character in the password is written as %XX."
        )
        return
    if parts.scheme not in {"postgresql", "postgres"} or not (parts.hostname or "host" in query):
        reader.add_error(name, f"{expected_form}.")
        return
    if not parts.path.strip("/"):
        reader.add_error(name, "names no database after the host.")
    if query.get("sslmode", ["prefer"])[-1] not in _SSL_MODES:
        reader.add_error(name, f"has an sslmode other than {', '.join(_SSL_MODES)}.")
