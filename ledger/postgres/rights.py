"""Makes the roles that hold rights, and the rights themselves, agree with `grants.sql`.

Roles belong to a server, rights to a database. These roles cannot log in; login roles are members
of them (`ledger/postgres/logins.py`).
"""

from __future__ import annotations

from typing import Final

from ledger.postgres.database import Connection, run_command
from ledger.postgres.statements import statements

_SQL: Final = statements("postgres/rights")
_GRANTS: Final = statements("postgres/grants")

RIGHTS: Final = {
    "worker": "cost_analytics_worker_rights",
    "notifications": "cost_analytics_notifications_rights",
    "operator": "cost_analytics_operator_rights",
    "api": "cost_analytics_api_rights",
    "reports": "cost_analytics_reports",
    "figures": "cost_analytics_figures",
}
"""The role that holds the rights of each column of `grants.sql`."""

VIEWER: Final = "cost_analytics_viewer"
"""Holds no rights. Row policies name it, so they apply to its members, `_VIEWERS`."""

READER: Final = "cost_analytics_reader"
"""Migrations create it and grant it rights. No process uses it."""

ROLES: Final = (VIEWER, READER, *RIGHTS.values())
_VIEWERS: Final = (READER, RIGHTS["api"], RIGHTS["reports"], RIGHTS["figures"])


class MissingRolesError(Exception):
    """The server lacks roles, and this session may not create them."""


async def ensure_roles(connection: Connection) -> None:
    """Create missing roles; raises MissingRolesError if this session may not create them."""
    missing = [
        row["name"]
        for row in await connection.fetch(*_SQL.bind("missing_roles", roles=list(ROLES)))
    ]
    if not missing:
        return
    if not await connection.fetchval(_SQL["may_create_roles"]):
        raise MissingRolesError(
            f"The server has no role {missing[0]}; run `cost-analytics roles create` first."
        )
    for name in missing:
        await run_command(connection, _SQL.bind("create_role", role=name))
    for member in _VIEWERS:
        await run_command(connection, _SQL.bind("grant_membership", role=VIEWER, member=member))


async def apply_grants(connection: Connection) -> None:
    """Give each role the rights that `grants.sql` lists on our tables and views, and no others."""
    present = {row["relname"] for row in await connection.fetch(_SQL["relations"])}
    async with connection.transaction():
        for row in await connection.fetch(_GRANTS["of_tables"]):
            relation, *letters = row
            if relation not in present:
                continue
            revoke = _SQL.bind("revoke_all", relation=relation, roles=list(RIGHTS.values()))
            await run_command(connection, revoke)
            for role, role_letters in zip(RIGHTS.values(), letters, strict=True):
                if role_letters != "-":
                    grant = _SQL.bind(
                        "grant_table", relation=relation, role=role, letters=role_letters
                    )
                    await run_command(connection, grant)
        for relation, role, privilege, columns in await connection.fetch(_GRANTS["of_columns"]):
            if relation in present:
                grant = _SQL.bind(
                    "grant_columns",
                    relation=relation,
                    role=RIGHTS[role],
                    privilege=privilege,
                    columns=columns,
                )
                await run_command(connection, grant)


def without_roles(text: str) -> str:
    """Return a migration without the statements that create a role; the roles exist already."""
    _, _, creates = _SQL["creates_reader"].partition("DO ")
    return text.replace(f"DO {creates}", "")
