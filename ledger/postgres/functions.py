"""Creates functions from the statements that the API reads with, so that a read is one round trip.

A function takes the parameters of its statement and a signed viewer, and runs the statement as a
role that row policies restrict. Its name contains a digest of the statement: processes of the
previous release keep calling theirs, which the next release drops.

If a statement `call` has a companion `call_version`, its result has a version. Its function takes
the version that the client knows as the last parameter before the viewer, and returns only the
version if that is current.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

from ledger.postgres.database import Connection
from ledger.postgres.rights import RIGHTS
from ledger.postgres.statements import Statement, Statements, statements

_SQL: Final = statements("postgres/functions")
_SCHEMA: Final = "cost_analytics_reads"
_DIGEST_LENGTH: Final = 12
_KNOWN_VERSION: Final = "known_version"
_PLACEHOLDER: Final = re.compile(r"\$(\d+)")

_REPORTS, _FIGURES = RIGHTS["reports"], RIGHTS["figures"]
_READS: Final = {
    "reports/costs": (_REPORTS, ("call", "spending")),
    "reports/all_users": (_REPORTS, ("everyone",)),
    "reports/grouping": (_REPORTS, ("grouped", "grouped_of_all")),
    "reports/top": (_REPORTS, ("top",)),
    "reports/users": (_REPORTS, ("users",)),
    "reports/comparison": (_REPORTS, ("totals_between",)),
    "anomalies/lists": (_REPORTS, ("of_user", "of_everyone", "of_id")),
    "reports/lists": (_REPORTS, ("calls", "ranked_calls", "any_call", "archived_events", "events")),
    "budgets/budgets": (_REPORTS, ("budget_status", "alerts_page")),
    "notifications/channels": (_REPORTS, ("list",)),
    "live/calls": (
        _REPORTS,
        (
            *("active_versions", "active_versions_of", "calls"),
            *("usual_calls", "once_services", "default_charge_prices", "charge_plans"),
        ),
    ),
    "operations/figures": (_FIGURES, ("figures", "positions", "refusals", "retention")),
}
"""By topic: the role that owns the functions, and the names of their statements."""


class ReadFunction(NamedTuple):
    """A statement as a function; `call` is the statement that calls it, with the viewer last.

    `version` is the text of the companion, with the parameter numbers of `statement`.
    """

    name: str
    statement: Statement
    owner: str
    version: str | None = None

    @property
    def call(self) -> Statement:
        """The calling statement; `bind` leaves the viewer out."""
        names = self.statement.parameters
        if self.version is not None:
            names = (*names, _KNOWN_VERSION)
        places = ", ".join(f"${n}" for n in range(1, len(names) + 2))
        text = _fill("call", name=f"{_SCHEMA}.{self.name}", arguments=places)
        return self.statement._replace(text=text, parameters=names)


@cache
def reads(topic: str) -> Statements:
    """Return the calling statements of a topic, by the name of the original statement."""
    owner, names = _READS[topic]
    return Statements({name: _read(topic, name, owner).call for name in names})


def all_reads() -> list[ReadFunction]:
    """Return every function of this release."""
    return [_read(topic, name, owner) for topic, (owner, names) in _READS.items() for name in names]


def _read(topic: str, name: str, owner: str) -> ReadFunction:
    known = statements(topic)
    statement, version = known.statement(name), None
    if f"{name}_version" in known:
        version = _renumbered(known.statement(f"{name}_version"), statement.parameters)
    digest = _digest(f"{statement.text}{version or ''}")
    return ReadFunction(f"{topic.replace('/', '_')}_{name}_{digest}", statement, owner, version)


def _renumbered(statement: Statement, parameters: Sequence[str]) -> str:
    """Return a statement's text with the numbers that its parameters have among `parameters`."""
    numbers = [parameters.index(name) + 1 for name in statement.parameters]
    return _PLACEHOLDER.sub(lambda place: f"${numbers[int(place[1]) - 1]}", statement.text)


async def functions_are_installed(connection: Connection) -> bool:
    """Return whether the database has every function of this release."""
    names = [read.name for read in all_reads()]
    return bool(await connection.fetchval(*_SQL.bind("installed_count", names=names)) == len(names))


async def install_functions(connection: Connection) -> None:
    """Create missing or changed functions, and drop those of releases before the previous one."""
    async with connection.transaction():
        await connection.execute(_SQL["create_schema"])
        for owner in (_REPORTS, _FIGURES):
            await connection.execute(_fill("allow_ownership", owner=owner))
        installed = {row["name"]: row for row in await connection.fetch(_SQL["installed"])}
        current = all_reads()
        for read in current:
            definition = await _definition(connection, read)
            digest, existing = _digest(definition), installed.pop(read.name, None)
            if existing and (existing["digest"], existing["owner"]) == (digest, read.owner):
                await connection.execute(*_SQL.bind("restore", name=read.name))
                continue
            if existing:
                await connection.execute(_fill("drop", signature=existing["signature"]))
            await _create(connection, read, definition, digest)
        release = _digest(" ".join(sorted(read.name for read in current)))
        for name, row in installed.items():
            if row["superseded_by"] in (None, release):
                await connection.execute(*_SQL.bind("supersede", name=name, release=release))
            else:
                await connection.execute(_fill("drop", signature=row["signature"]))
                await connection.execute(*_SQL.bind("remove", name=name))
        for owner in (_REPORTS, _FIGURES):
            await connection.execute(_fill("disallow_ownership", owner=owner))


async def _definition(connection: Connection, read: ReadFunction) -> str:
    """Return the function's definition; the types are those that PostgreSQL infers."""
    prepared = await connection.prepare(read.statement.text)
    parameters = await _type_names(connection, [p.oid for p in prepared.get_parameters()])
    columns = prepared.get_attributes()
    types = await _type_names(connection, [column.type.oid for column in columns])
    names = await connection.fetch(*_SQL.bind("quoted", names=[column.name for column in columns]))
    if read.version is not None:
        parameters.append("text")
    return _fill(
        "definition" if read.version is None else "versioned_definition",
        name=f"{_SCHEMA}.{read.name}",
        parameters=", ".join([*parameters, "text"]),
        columns=", ".join(f"{row['name']} {kind}" for row, kind in zip(names, types, strict=True)),
        viewer=str(len(parameters) + 1),
        known_version=str(len(parameters)),
        version=read.version or "",
        statement=read.statement.text,
    )


async def _type_names(connection: Connection, oids: list[int]) -> list[str]:
    return [row["name"] for row in await connection.fetch(*_SQL.bind("type_names", oids=oids))]


async def _create(connection: Connection, read: ReadFunction, definition: str, digest: str) -> None:
    await connection.execute(definition)
    functions = await connection.fetch(_SQL["installed"])
    signature = next(row["signature"] for row in functions if row["name"] == read.name)
    await connection.execute(_fill("set_owner", signature=signature, owner=read.owner))
    await connection.execute(*_SQL.bind("store_digest", name=read.name, digest=digest))


def _fill(template: str, **values: str) -> str:
    """Return a template with its placeholders filled in."""
    text = _SQL[template]
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
