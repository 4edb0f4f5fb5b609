"""Finds and repairs missing roles, row policies and rights.

Roles belong to a server. A dump that is restored on a server without our roles loses every policy
and grant that names one of them, and then no process can read. The migrations and `grants.sql`
define what must exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Final, NamedTuple

from ledger.postgres.database import Connection, run_command
from ledger.postgres.migration_files import migrations
from ledger.postgres.rights import READER, RIGHTS, ROLES
from ledger.postgres.statements import statements

_SQL: Final = statements("postgres/access")
_GRANTS: Final = statements("postgres/grants")
_RIGHTS_SQL: Final = statements("postgres/rights")

_LETTERS: Final = frozenset("SIUD")
_STATEMENT: Final = re.compile(
    r"^(?:(?:CREATE|ALTER|DROP) POLICY|GRANT|REVOKE)\s[^;]*\sON\s[^;]*;", re.MULTILINE
)
_POLICY: Final = re.compile(r"(CREATE|DROP) POLICY (?:IF EXISTS )?(\w+)\s+ON (\w+)")
_READER_GRANT: Final = re.compile(rf"GRANT ([A-Z, ]+) ON ([a-z_, ]+) TO {READER};")


class _Policy(NamedTuple):
    relation: str
    name: str


@cache
def _statements() -> tuple[str, ...]:
    """Return the migrations' statements about policies and rights, in order."""
    return tuple(statement for step in migrations() for statement in _STATEMENT.findall(step.text))


@cache
def _policies() -> frozenset[_Policy]:
    """Return the required policies."""
    policies: set[_Policy] = set()
    for statement in _statements():
        match = _POLICY.match(statement)
        if match is not None:
            change = policies.add if match[1] == "CREATE" else policies.discard
            change(_Policy(match[3], match[2]))
    return frozenset(policies)


async def access_problems(connection: Connection) -> list[str]:
    """Return the problems that prevent processes from reading the database, as sentences."""
    roles = await connection.fetch(*_RIGHTS_SQL.bind("missing_roles", roles=list(ROLES)))
    tables, names = _columns(_policies())
    policies = await connection.fetch(
        *_SQL.bind("missing_policies", relations=tables, policies=names)
    )
    relations, grantees, privileges = _columns(await _rights(connection))
    rights = await connection.fetch(
        *_SQL.bind("missing_rights", relations=relations, roles=grantees, privileges=privileges)
    )
    functions = await connection.fetch(
        *_SQL.bind("foreign_functions", owners=list(RIGHTS.values()))
    )
    return [
        *(f"The server has no role {row['name']}." for row in roles),
        *(f"Table {row['relation']} has no policy {row['policy']}." for row in policies),
        *(f"{row['role']} may not {row['privilege']} {row['relation']}." for row in rights),
        *(f"Function {row['name']} has a wrong owner, {row['owner']}." for row in functions),
    ]


async def _rights(connection: Connection) -> list[tuple[str, str, str]]:
    """Return relation, role and privilege (name or first letter) of each required right."""
    grants = [
        (relation.strip(), READER, privilege.strip())
        for statement in _statements()
        for privileges, relations in _READER_GRANT.findall(statement)
        for relation in relations.split(",")
        for privilege in privileges.split(",")
    ]
    for relation, *columns in await connection.fetch(_GRANTS["of_tables"]):
        for role, letters in zip(RIGHTS.values(), columns, strict=True):
            grants += [(relation, role, letter) for letter in letters if letter in _LETTERS]
    return grants


async def repair_access(connection: Connection) -> None:
    """Create every policy and grant of the migrations again, in one transaction.

    The roles must exist.
    """
    async with connection.transaction():
        for relation, name in _policies():
            await run_command(connection, _SQL.bind("drop_policy", relation=relation, policy=name))
        for statement in _statements():
            await connection.execute(statement)


def _columns(rows: Iterable[tuple[str, ...]]) -> list[list[str]]:
    """Return the columns of rows, which are sorted first."""
    return [list(column) for column in zip(*sorted(rows), strict=True)]
