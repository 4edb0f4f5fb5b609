"""Checks PostgreSQL: the logins of each process, the server, the schema and the rights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.tree import Settings
from cost_analytics.diagnosis.check_result import (
    CheckResult,
    count_text,
    ok,
    problem,
    skipped,
    warning,
)
from cost_analytics.failures import CommandError, using_database
from cost_analytics.restored_keys import REMEDY
from ledger.operations.api_keys import may_read_keys, unconfirmed_keys
from ledger.operations.server_state import ServerState, read_server_state
from ledger.postgres.access import access_problems
from ledger.postgres.database import Connection, connected
from ledger.postgres.migrate import schema_is_current, schema_version
from ledger.postgres.migration_files import known_version
from ledger.postgres.session import check_signature, privileged_login
from ledger.postgres.viewer import SigningKeyError

_SUBJECT: Final = "PostgreSQL"
_CONNECTION_NAME: Final = "cost-analytics doctor"
_USED_PERCENT_MAX: Final = 80
_TRANSACTION_AGE_MAX: Final = 1_500_000_000
CLOCK_SECONDS_MAX: Final = 5
_RIGHTS_SHOWN: Final = 3
_KEYS_SHOWN: Final = 5


async def check_logins(valid: Mapping[str, Settings]) -> AsyncIterator[CheckResult]:
    """Log in as each process does; processes that share an address are checked together."""
    by_address: dict[str, list[str]] = {}
    for command, settings in valid.items():
        by_address.setdefault(settings.database_url.reveal(), []).append(command)
    for url, commands in by_address.items():
        names = ", ".join(f"`{command}`" for command in commands)
        try:
            with using_database(Secret(url)):
                async with connected(url, name=_CONNECTION_NAME) as connection:
                    yield ok(_SUBJECT, f"{names} can log in")
                    async for result in _login_results(connection, url, commands):
                        yield result
        except CommandError as error:
            reason, _, remedy = str(error).rstrip(".").partition("; ")
            default = "check the address; `cost-analytics roles create` sets the password"
            yield problem(_SUBJECT, f"{names} cannot log in: {reason}", remedy or default)


async def _login_results(
    connection: Connection, url: str, commands: list[str]
) -> AsyncIterator[CheckResult]:
    services = [command for command in commands if command != "operator"]
    login = await privileged_login(connection)
    if services and login is not None:
        found = f"`{services[0]}` logs in as {login}, so no row policy protects users' rows"
        yield problem(_SUBJECT, found, "create logins with `cost-analytics roles create`")
    elif "api" in commands:
        try:
            await check_signature(connection, url)
        except SigningKeyError as error:
            yield problem(_SUBJECT, str(error).split(".")[0], "run `cost-analytics roles create`")


async def check_server(connection: Connection) -> AsyncIterator[CheckResult]:
    """Check the server's settings, its use and its clock."""
    before = datetime.now(UTC)
    state = await read_server_state(connection)
    middle = before + (datetime.now(UTC) - before) / 2
    yield ok(_SUBJECT, f"version {state.version}, {count_text(state.connections, 'connection')}")
    for name, value in state.settings.items():
        if value == "off":
            found = f"{name} is off: a crash of the server can lose counted events"
            yield problem(_SUBJECT, found, f"set {name} = on in postgresql.conf")
    yield _clock_result(state.clock - middle)
    for result in _use_results(state):
        yield result


def _clock_result(difference: timedelta) -> CheckResult:
    seconds = difference.total_seconds()
    if abs(seconds) <= CLOCK_SECONDS_MAX:
        return ok("clocks", f"this machine and PostgreSQL differ by {abs(seconds):.1f} s")
    which = "ahead of" if seconds > 0 else "behind"
    found = f"PostgreSQL's clock is {abs(seconds):.0f} s {which} this machine's"
    return problem("clocks", found, "synchronize both by NTP (docs/operations.md, Clocks)")


def _use_results(state: ServerState) -> list[CheckResult]:
    results = []
    if 100 * state.connections > _USED_PERCENT_MAX * state.connections_max:
        found = f"{state.connections} of {state.connections_max} connections are used"
        results.append(warning(_SUBJECT, found, "raise max_connections, or stop replicas"))
    if state.transaction_age > _TRANSACTION_AGE_MAX:
        found = f"the oldest transaction id is {state.transaction_age:,} transactions old"
        results.append(problem(_SUBJECT, found, "run VACUUM FREEZE; find out why autovacuum fails"))
    return results


async def check_keys(connection: Connection) -> list[CheckResult]:
    """Check that no restore may have made a revoked key of a service active again."""
    if not await may_read_keys(connection):
        found = "keys of services are not checked: only the operator's login may read them"
        return [skipped("keys", found, "set OPERATOR_DATABASE_URL")]
    keys = await unconfirmed_keys(connection)
    if not keys:
        return []
    names = ", ".join(f"{key.key_id} ({key.service})" for key in keys[:_KEYS_SHOWN])
    more = ", …" if len(keys) > _KEYS_SHOWN else ""
    found = f"{count_text(len(keys), 'key')} may have been revoked before a restore: {names}{more}"
    return [warning("keys", found, f"for each key, {REMEDY}")]


async def check_schema(connection: Connection) -> list[CheckResult]:
    """Check the version of the schema, and the rights of our roles."""
    version, known = await schema_version(connection), known_version()
    if version > known:
        found = f"the schema has version {version}; this program knows {known}"
        return [problem("schema", found, "install the release that the schema was migrated by")]
    if not await schema_is_current(connection):
        found = f"the schema has version {version} of {known}" if version else "there is no schema"
        return [problem("schema", found, "run `cost-analytics migrate`")]
    problems = await access_problems(connection)
    shown = [
        problem("rights", text.rstrip("."), "run `cost-analytics migrate`")
        for text in problems[:_RIGHTS_SHOWN]
    ]
    if len(problems) > _RIGHTS_SHOWN:
        found = f"{len(problems) - _RIGHTS_SHOWN} more are missing"
        shown.append(problem("rights", found, "`cost-analytics verify` lists them"))
    current = [ok("schema", f"version {version}, and the rights of all roles, are current")]
    return shown or current
