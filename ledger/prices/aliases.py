"""Aliases: other names of models, such as those of a user's deployments.

An alias is in force from its time until the next one of the same name. Like prices, aliases are
only added, and none begins in the past, so they never change the price of a recorded event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from ledger.postgres.database import Connection, in_transaction
from ledger.postgres.statements import statements
from ledger.prices.catalogue import ANY_MODEL, ESTIMATE, Alias
from ledger.prices.names import standard_model
from schemas.effective_times import EFFECTIVE_FROM_ERROR, parse_time

_SQL: Final = statements("prices/aliases")
_TEXT_MAX: Final = 255

FIELDS: Final = ("service", "alias", "model", "effective_from", "source")
"""The fields of an alias in a file."""


class NewAlias(NamedTuple):
    """An alias to enter; `model` is None to end it, `effective_from` None for now."""

    service: str
    alias: str
    model: str | None
    effective_from: datetime | None
    source: str


class StoredAlias(NamedTuple):
    """An alias with its provenance, and until when it is in force; None is without end."""

    service: str
    alias: str
    model: str | None
    effective_from: datetime
    source: str
    set_by: str
    created_at: datetime
    until: datetime | None


class InvalidAliasError(Exception):
    """Aliases that are not valid; `reasons` are sentences. Nothing changed."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def new_alias(fields: Mapping[str, str], *, source: str) -> NewAlias:
    """Return an alias from text fields; an empty model ends it. Raises InvalidAliasError."""
    reasons = [f"Unknown field {name}." for name in sorted(set(fields) - set(FIELDS))]
    values = {name: fields.get(name, "").strip() for name in FIELDS}
    reasons += [
        f"{name} is not a text of at most {_TEXT_MAX} characters."
        for name, value in values.items()
        if len(value) > _TEXT_MAX or not value.isprintable()
    ]
    alias, model = standard_model(values["alias"]), standard_model(values["model"])
    reasons += [f"{name} is missing." for name in ("service", "alias") if not values[name]]
    if {alias, model} & {ANY_MODEL, ESTIMATE}:
        reasons.append(f"{ANY_MODEL} and {ESTIMATE} are not names of models.")
    if alias and alias == model:
        reasons.append("alias and model are the same name.")
    since: datetime | None = None
    try:
        if values["effective_from"]:
            since = parse_time(values["effective_from"])
    except ValueError:
        reasons.append(EFFECTIVE_FROM_ERROR)
    if reasons:
        raise InvalidAliasError(reasons)
    return NewAlias(values["service"], alias, model or None, since, values["source"] or source)


async def list_aliases(connection: Connection, service: str | None = None) -> list[StoredAlias]:
    """Return all aliases of a service or of all services, by name, oldest first."""
    rows = await connection.fetch(*_SQL.bind("list", service=service))
    following = [*rows[1:], None]
    ends = [
        later["effective_from"] if later is not None and later[:2] == row[:2] else None
        for row, later in zip(rows, following, strict=False)
    ]
    return [StoredAlias._make([*row, until]) for row, until in zip(rows, ends, strict=True)]


async def read_aliases(connection: Connection) -> list[Alias]:
    """Return all aliases, as the catalogue needs them."""
    return [Alias(*row) for row in await connection.fetch(_SQL["catalogue"])]


async def enter_aliases(
    connection: Connection, aliases: Sequence[NewAlias], *, set_by: str
) -> tuple[int, int]:
    """Add aliases, all or none; returns how many were added and how many were known already.

    Raises InvalidAliasError for one that begins in the past, whose model has no price, whose name
    has prices of its own, or that contradicts another one.
    """
    async with in_transaction(connection):
        await connection.execute(_SQL["one_at_a_time"])
        now: datetime = await connection.fetchval(_SQL["now"])
        known: dict[tuple[str, str], list[StoredAlias]] = {}
        for stored in await list_aliases(connection):
            known.setdefault((stored.service, stored.alias), []).append(stored)
        priced = await _priced(connection, aliases)
        reasons: list[str] = []
        added: dict[tuple[str, str, datetime], NewAlias] = {}
        for alias in aliases:
            since = alias.effective_from or now
            of_name = known.get((alias.service, alias.alias), [])
            in_force = [one for one in of_name if one.effective_from <= since]
            if (in_force[-1].model if in_force else None) == alias.model:
                continue
            first = added.setdefault((alias.service, alias.alias, since), alias)
            reason = _reason_to_refuse(alias, since, now, of_name, priced)
            if first.model != alias.model:
                reason = f"it is given for {first.model} and for {alias.model}"
            if reason is not None:
                reasons.append(f"{alias.service} {alias.alias}: {reason}.")
        if reasons:
            raise InvalidAliasError(reasons)
        columns = {name: [getattr(one, name) for one in added.values()] for name in FIELDS}
        columns["effective_from"] = [since for _, _, since in added]
        await connection.execute(*_SQL.bind("add", **columns, set_by=set_by))
    return len(added), len(aliases) - len(added)


async def _priced(connection: Connection, aliases: Sequence[NewAlias]) -> set[tuple[str, str]]:
    """Return the aliases and their models that have prices, each with its service."""
    names = {(one.service, name) for one in aliases for name in (one.alias, one.model) if name}
    columns = {
        "services": [service for service, _ in names],
        "models": [name for _, name in names],
    }
    return {(row[0], row[1]) for row in await connection.fetch(*_SQL.bind("priced", **columns))}


def _reason_to_refuse(
    alias: NewAlias,
    since: datetime,
    now: datetime,
    known: Sequence[StoredAlias],
    priced: set[tuple[str, str]],
) -> str | None:
    if since < now:
        return "an alias takes effect now or later, because recorded costs keep their price"
    if alias.model is None:
        return None
    if (alias.service, alias.alias) in priced:
        return "it has prices of its own, which have priority over an alias"
    if (alias.service, alias.model) not in priced:
        return f"{alias.model} has no prices; name a model of `prices list`"
    if any(one.effective_from == since for one in known):
        return f"another model has this alias from {since.isoformat()} on"
    return None
