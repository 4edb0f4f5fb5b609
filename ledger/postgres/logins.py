"""Creates the login roles of our processes, each with the rights of its process.

An administrator runs it; it is idempotent. Passwords reach the server as SCRAM verifiers, so that
no statement log contains one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import quote, urlsplit, urlunsplit

from ledger.postgres.database import Connection, connected, run_command
from ledger.postgres.migrate import migrate_on
from ledger.postgres.rights import RIGHTS, apply_grants, ensure_roles
from ledger.postgres.session import has_viewer_keys
from ledger.postgres.statements import statements
from ledger.postgres.viewer import ViewerSigner

_SQL: Final = statements("postgres/logins")

ProcessName = Literal["migrate", "operator", "worker", "api", "notifications"]
PROCESSES: Final[tuple[ProcessName, ...]] = get_args(ProcessName)
_SEE_ALL_USERS: Final = frozenset({"operator", "worker", "notifications"})
_FUNCTION_OWNERS: Final = (RIGHTS["reports"], RIGHTS["figures"])

PREFIX: Final = "cost_analytics_"
_SCRAM_ROUNDS: Final = 4_096
_SCRAM_SALT_BYTES: Final = 16


class LoginsError(Exception):
    """Login roles cannot be created; the message is a sentence that says what to do."""


class LoginPlan(NamedTuple):
    """The logins to create: `passwords` of new logins, and of those that get a new password.

    `schema` also migrates the schema; a database that will be restored must stay empty.
    """

    passwords: Mapping[ProcessName, str]
    prefix: str = PREFIX
    schema: bool = True


def login_name(process: ProcessName, prefix: str = PREFIX) -> str:
    """Return the login role of a process."""
    return f"{prefix}{process}"


def login_url(url: str, process: ProcessName, password: str, prefix: str = PREFIX) -> str:
    """Return the URL of the same database for another login."""
    parts = urlsplit(url)
    host_and_port = parts.netloc.rpartition("@")[2]
    user = f"{quote(login_name(process, prefix), safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{user}@{host_and_port}"))


async def known_logins(url: str, prefix: str = PREFIX) -> set[ProcessName]:
    """Return the processes whose login exists; raises LoginsError for one with too many rights."""
    async with connected(url, name="cost-analytics roles") as connection:
        return {name for name in PROCESSES if await _is_known(connection, login_name(name, prefix))}


async def create_logins(
    url: str, plan: LoginPlan, *, report: Callable[[str], None] = lambda _: None
) -> None:
    """Create the login roles, their rights and, if requested, the schema, as an administrator.

    Raises LoginsError, OSError or a PostgreSQL error; all roles are created or none.
    """
    async with connected(url, name="cost-analytics roles") as connection:
        async with connection.transaction():
            await connection.execute(_SQL["lock"])
            await ensure_roles(connection)
            for process in PROCESSES:
                await _create_login(connection, process, plan)
            await _open_database(connection, plan.prefix)
            for row in await connection.fetch(*_SQL.bind("foreign_objects", owner=_owner(plan))):
                await connection.execute(row["command"])
        if plan.schema:
            await connection.execute(*_SQL.bind("set_role", login=_owner(plan)))
            await migrate_on(connection, report)
            await apply_grants(connection)
            await connection.execute(_SQL["reset_role"])
        await _store_key(connection, plan)


def _owner(plan: LoginPlan) -> str:
    return login_name("migrate", plan.prefix)


async def _is_known(connection: Connection, name: str) -> bool:
    row = await connection.fetchrow(*_SQL.bind("known_login", login=name))
    if row and row["is_powerful"]:
        raise LoginsError(
            f"The role {name} is more than a login: it may create roles or databases, or is a "
            "superuser. Remove these attributes, or choose another --prefix."
        )
    return row is not None


async def _create_login(connection: Connection, process: ProcessName, plan: LoginPlan) -> None:
    name, password = login_name(process, plan.prefix), plan.passwords.get(process)
    exists = await _is_known(connection, name)
    if password is None and not exists:
        raise LoginsError(f"The role {name} is new and needs a password.")
    if password is not None:
        statement = "change_password" if exists else "create_login"
        change = _SQL.bind(statement, login=name, verifier=scram_verifier(password))
        await run_command(connection, change)
    if process in _SEE_ALL_USERS:
        await run_command(connection, _SQL.bind("bypass_policies", login=name))
    if process == "migrate":
        await run_command(connection, _SQL.bind("act_as", login=name))
        for role in _FUNCTION_OWNERS:
            await run_command(connection, _SQL.bind("grant_ownership", role=role, login=name))
    else:
        await run_command(connection, _SQL.bind("grant_rights", role=RIGHTS[process], login=name))


async def _open_database(connection: Connection, prefix: str) -> None:
    owner, names = login_name("migrate", prefix), [login_name(name, prefix) for name in PROCESSES]
    for query in (
        _SQL.bind("close_database"),
        _SQL.bind("open_database", logins=names),
        _SQL.bind("allow_temporary_tables", login=login_name("operator", prefix)),
        _SQL.bind("allow_schemas", login=owner),
        _SQL.bind("allow_tables", login=owner),
        _SQL.bind("open_schema", roles=list(RIGHTS.values())),
        _SQL.bind("allow_quiet", roles=[RIGHTS["worker"], RIGHTS["operator"]]),
    ):
        await run_command(connection, query)


async def _store_key(connection: Connection, plan: LoginPlan) -> None:
    """Store the key with which the API signs viewers."""
    if not await has_viewer_keys(connection):
        return
    name, password = login_name("api", plan.prefix), plan.passwords.get("api")
    if password is not None:
        inner_pad, outer_pad = ViewerSigner(password).pads()
        add_key = _SQL.bind("add_key", login=name, inner_pad=inner_pad, outer_pad=outer_pad)
        await connection.execute(*add_key)
        await connection.execute(*_SQL.bind("drop_old_keys", login=name))
    elif not await connection.fetchval(*_SQL.bind("has_key", login=name)):
        raise LoginsError(
            f"This database does not have the key of {name}, which is derived from its password. "
            "Give the password, or create a new one with --rotate."
        )


def scram_verifier(password: str) -> str:
    """Return PostgreSQL's SCRAM verifier; raises LoginsError for an unsupported password."""
    if not (password.isascii() and password.isprintable() and password):
        raise LoginsError("A password of a role must consist of printable ASCII characters.")
    salt = secrets.token_bytes(_SCRAM_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(x).decode() for x in (salt, stored, server))
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{salt64}${stored64}:{server64}"
