"""Loads a ready price list into the catalogue, or shows what it would change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple

from cost_analytics.configuration.secret import Secret
from cost_analytics.database_work import run_connected
from cost_analytics.failures import MISUSED, CommandError
from cost_analytics.files import read_text
from cost_analytics.price_files import read_prices
from cost_analytics.price_listing import changes_table, proposals_table
from cost_analytics.running import run
from ledger.postgres.database import Connection
from ledger.prices.changes import ClassifiedRows
from ledger.prices.entry import EntryResult, PriceConflictError, enter_prices, review_prices
from ledger.prices.rows import PriceRow
from streams.prices.configured import is_secure
from streams.prices.fetching import fetch, price_session
from streams.prices.genai_prices import read_genai_prices
from streams.prices.genai_source import INSTALL, GenAiPrices, update_url
from streams.prices.litellm import read_litellm
from streams.prices.reading import ConfiguredSource, PriceListResult, PriceSourceError, decode_json

_COMMAND: Final = "prices"
_LINES_MAX: Final = 20
_VOICE_LIST: Final = Path(__file__).parent / "price_lists" / "voice.csv"


class ListRequest(NamedTuple):
    """Which list to read: its form, its place if any, and the services wanted (all if empty).

    `update` asks for the newest list of the publisher of genai-prices.
    """

    form: Literal["genai-prices", "litellm", "voice"]
    place: str | None
    services: tuple[str, ...] = ()
    update: bool = False


def read_list(request: ListRequest, since: datetime) -> PriceListResult:
    """Read a list from a file, from standard input (-), a URL or a package; raises CommandError."""
    place = _place(request)
    if request.form == "voice":
        return _read_voice_list(request.services)
    try:
        if place is None:
            return GenAiPrices(name=request.form, services=request.services).read(b"", since)
        text = _fetch(place) if "://" in place else read_text(place).encode()
        if request.form == "litellm":
            return read_litellm(text, since, source="LiteLLM", services=request.services)
        return read_genai_prices(
            decode_json(text), since, source=request.form, services=request.services
        )
    except PriceSourceError as error:
        raise CommandError(f"{place or request.form} was not loaded: {error}.") from None


def _place(request: ListRequest) -> str | None:
    """Return the file or URL of a list; None for the installed package."""
    if request.form == "litellm" and (request.place is None or request.update):
        raise CommandError("The list of litellm needs a FILE or URL.", MISUSED)
    if request.form == "voice" and (request.place is not None or request.update):
        raise CommandError("The list of voice is built in: no FILE, URL or --update.", MISUSED)
    if not request.update:
        return request.place
    if request.place is not None:
        raise CommandError("Give --update, or a FILE or URL.", MISUSED)
    try:
        return update_url()
    except ModuleNotFoundError:
        raise CommandError(f"--update needs genai-prices: {INSTALL}") from None


def _read_voice_list(services: Collection[str]) -> PriceListResult:
    """Return the list prices of speech and telephony that come with the release."""
    rows = [
        row
        for row in read_prices(_VOICE_LIST.read_text(encoding="utf-8"), _VOICE_LIST.name)
        if not services or row.service in services
    ]
    if not rows:
        raise CommandError("The list has no prices of these services.")
    return PriceListResult(rows, len({(row.service, row.model) for row in rows}), {})


def rows_since(rows: Iterable[PriceRow], since: datetime, *, form: str) -> list[PriceRow]:
    """Return the rows from `since` on.

    The list of voice has only current prices: of each key, the price in force at `since` starts
    then.
    """
    later = [row for row in rows if row.effective_from >= since]
    if form != "voice":
        return later
    before = sorted(
        (row for row in rows if row.effective_from < since), key=lambda row: row.effective_from
    )
    current = {row.key: row._replace(effective_from=since) for row in before}
    return [*current.values(), *later]


def _fetch(url: str) -> bytes:
    if not is_secure(url):
        raise CommandError("The URL must be https.")

    async def read() -> bytes:
        async with price_session() as session:
            return await fetch(session, ConfiguredSource(name="list", url=url))

    return run(read())


def summarize(found: PriceListResult) -> str:
    """Return what was read and what was left out, as lines."""
    lines = [f"{len(found.rows):,} prices of {found.models:,} models."]
    left_out = sorted(found.left_out.items(), key=lambda item: -item[1])
    if left_out:
        lines.append("Left out:")
        lines += [f"  {number:,} {reason}" for reason, number in left_out]
    return "\n".join(lines)


def preview(url: Secret, rows: Sequence[PriceRow]) -> str:
    """Return what loading would do."""

    async def review(db: Connection) -> ClassifiedRows:
        return await review_prices(db, rows)

    reviewed = run_connected(url, _COMMAND, review)
    lines = [
        f"{len(reviewed.verified):,} would be verified, {len(reviewed.accepted):,} added, "
        f"{len(reviewed.pending):,} would need approval."
    ]
    lines += _contradictions(len(reviewed.contradicting))
    if reviewed.pending:
        lines.append(changes_table(reviewed.pending[:_LINES_MAX]))
    if len(reviewed.pending) > _LINES_MAX:
        lines.append(f"… and {len(reviewed.pending) - _LINES_MAX:,} more.")
    return "\n".join(lines)


def load(url: Secret, rows: Sequence[PriceRow], *, set_by: str, approved: bool) -> str:
    """Enter the prices and return what was done; raises CommandError for contradicting prices."""

    async def write(db: Connection) -> EntryResult:
        return await enter_prices(db, rows, set_by=set_by, approved=approved, from_source=True)

    try:
        entered = run_connected(url, _COMMAND, write)
    except PriceConflictError as error:
        raise CommandError(
            "\n  ".join(["Nothing was loaded:", *error.reasons[:_LINES_MAX]])
        ) from None
    lines = [f"{entered.added:,} prices added, {entered.verified:,} verified."]
    lines += _contradictions(entered.contradicting)
    if entered.pending:
        lines.append(f"Pending approval:\n{proposals_table(entered.pending)}")
    return "\n".join(lines)


def _contradictions(number: int) -> list[str]:
    if not number:
        return []
    return [
        f"{number:,} earlier prices differ from those of the catalogue, which stay as they are."
    ]
