"""Reads spending by filters and groups: of a user, or of all users for an administrator."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, Literal, NamedTuple

import msgspec

from ledger.postgres.functions import reads
from ledger.postgres.viewers import ReaderPool, Viewer
from ledger.reports.all_users import UserCounts
from ledger.reports.costs import PERSONAS_MAX, SpendingReport, decode_spending_report
from ledger.reports.filters import CostFilter
from ledger.reports.profit import Profit
from schemas.costs import UNKNOWN_PERSONA

_READS: Final = reads("reports/grouping")

GROUPS_DEFAULT: Final = 20
GROUPS_MAX: Final = 100

GroupKind = Literal["persona", "service", "model", "tag"]


class Grouping(NamedTuple):
    """What costs are grouped by: `tag_key` names the tag. At most `groups_max` are listed."""

    kind: GroupKind
    tag_key: str = ""
    groups_max: int = GROUPS_DEFAULT

    @property
    def of_costs(self) -> bool:
        """Whether groups are parts of calls, which have costs but neither calls nor charges."""
        return self.kind in {"service", "model"}


class GroupSum(NamedTuple):
    """The sums of `number` groups; `value` is that of a single group."""

    calls: int
    duration_ms: int
    profit: Profit
    value: str = ""
    number: int = 0


_NOTHING: Final = GroupSum(0, 0, Profit(0, 0, 0, 0))


class Groups(NamedTuple):
    """The listed groups, the sum of all others, and of what has no value.

    Together they are the total.
    """

    listed: Sequence[GroupSum] = ()
    others: GroupSum = _NOTHING
    without: GroupSum = _NOTHING


class GroupedReport(NamedTuple):
    """Spending with its groups; the numbers of users are those of all users, without filters."""

    spending: SpendingReport
    groups: Groups
    users: UserCounts


class _StoredSum(msgspec.Struct, gc=False, rename="camel"):
    part: Literal["group", "others", "without"]
    value: str | None
    number: int
    cost_nano: int
    charged_nano: int
    refunded_nano: int
    calls: int
    duration_ms: int

    def sum(self) -> GroupSum:
        profit = Profit(self.charged_nano, self.refunded_nano, self.cost_nano, 0)
        return GroupSum(self.calls, self.duration_ms, profit, self.value or "", self.number)


_groups: Final = msgspec.json.Decoder(list[_StoredSum])
_users: Final = msgspec.json.Decoder(UserCounts)


async def read_grouped_report(
    readers: ReaderPool,
    viewer: Viewer,
    user_id: str | None,
    days: tuple[date, date],
    filters: CostFilter,
    grouping: Grouping | None,
) -> GroupedReport:
    """Return the spending of a user, or of all users if None, on UTC days, both included.

    Zeros for a viewer without access. Raises StoreUnavailableError.
    """
    kind = grouping.kind if grouping else ""
    reads_models = bool(filters.models) or kind == "model"
    reads_calls = reads_models or bool(filters.tags) or kind == "tag"
    tag_key = grouping.tag_key if grouping else ""
    statement = "grouped"
    own_parameters: dict[str, object] = {"reads_calls": reads_calls}
    if user_id is None:
        statement, own_parameters = "grouped_of_all", {"tag_names": _tag_names(filters, tag_key)}
    grouped = _READS.bind(
        statement,
        **own_parameters,
        user_id=user_id,
        **viewer.parameters,
        first_day=days[0],
        last_day=days[1],
        months=_months(*days),
        **filters.parameters,
        group_by=kind,
        tag_key=tag_key,
        groups_max=grouping.groups_max if grouping else 0,
        reads_models=reads_models,
        personas_max=PERSONAS_MAX,
        unknown_persona=UNKNOWN_PERSONA,
    )
    [row] = await readers.read(viewer, *grouped)
    return GroupedReport(
        decode_spending_report(row), _groups_of(row["groups"]), _users.decode(row["users"])
    )


def _tag_names(filters: CostFilter, tag_key: str) -> list[str]:
    """Return the keys of the tags that a report distinguishes."""
    return sorted({tag.key for tag in filters.tags} | ({tag_key} - {""}))


def _months(first: date, last: date) -> str:
    """Return a regular expression that matches JSON with a day of these months as a key."""
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return '"(' + "|".join(f"{n // 12:04}-{n % 12 + 1:02}" for n in numbers) + ")-"


def _groups_of(stored: str | None) -> Groups:
    sums = _groups.decode(stored or "[]")
    parts = {one.part: one.sum() for one in sums}
    listed = [one.sum() for one in sums if one.part == "group"]
    return Groups(listed, parts.get("others", _NOTHING), parts.get("without", _NOTHING))
