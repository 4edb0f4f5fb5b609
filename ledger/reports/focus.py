"""Costs as rows of FOCUS 1.2, the FinOps Open Cost and Usage Specification.

Columns that begin with `x_` are ours, as the specification requires.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

from ledger.reports.focus_costs import Cost

ACCOUNT: Final = "cost-analytics"
CURRENCY: Final = "USD"

ColumnKind = Literal["text", "time", "money", "quantity", "flag"]
Value: TypeAlias = str | datetime | Decimal | bool | None


class Column(NamedTuple):
    """A column of the export."""

    name: str
    kind: ColumnKind = "text"


COLUMNS: Final = (
    Column("BillingAccountId"), Column("BillingAccountName"), Column("BillingAccountType"),
    Column("SubAccountId"), Column("SubAccountName"), Column("SubAccountType"),
    Column("BillingCurrency"), Column("InvoiceId"), Column("BillingPeriodStart", "time"),
    Column("BillingPeriodEnd", "time"), Column("ChargePeriodStart", "time"),
    Column("ChargePeriodEnd", "time"), Column("ChargeCategory"), Column("ChargeClass"),
    Column("ChargeDescription"), Column("ChargeFrequency"), Column("BilledCost", "money"),
    Column("EffectiveCost", "money"), Column("ContractedCost", "money"),
    Column("ListCost", "money"), Column("ConsumedQuantity", "quantity"), Column("ConsumedUnit"),
    Column("PricingQuantity", "quantity"), Column("PricingUnit"), Column("InvoiceIssuerName"),
    Column("ProviderName"), Column("PublisherName"), Column("ServiceCategory"),
    Column("ServiceSubcategory"), Column("ServiceName"), Column("ResourceId"),
    Column("ResourceName"), Column("ResourceType"), Column("Tags"), Column("x_RowId"),
    Column("x_Kind"), Column("x_EventTime", "time"), Column("x_PersonaId"),
    Column("x_Operation"), Column("x_Model"), Column("x_LegId"), Column("x_Usages"),
    Column("x_Source"), Column("x_EventId"), Column("x_Estimated", "flag"),
)  # fmt: skip

USAGE: Final = "Usage"
ADJUSTMENT: Final = "Adjustment"

_AI: Final = ("AI and Machine Learning", "Generative AI")
_CATEGORIES: Final = {
    "twilio": ("Networking", "Other (Networking)"),
    "telnyx": ("Networking", "Other (Networking)"),
    "deepgram": _AI, "cerebras": _AI, "elevenlabs": _AI, "openai": _AI, "anthropic": _AI,
    "raindrop": ("Compute", "Serverless Compute"),
    "vultr": ("Compute", "Virtual Machines"),
    "vercel": ("Compute", "Serverless Compute"),
    "stripe": ("Business Applications", "Other (Business Applications)"),
}  # fmt: skip
_OTHER: Final = ("Other", "Other (Other)")
_COUNTED_AS: Final = {"call.charged": "Transactions", "cost.recorded": "Requests"}
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)


def focus_row(cost: Cost) -> tuple[Value, ...]:
    """Return the values of a cost, in the order of COLUMNS."""
    category = category_of(cost)
    money, listed = _usd(cost.cost_nano), _usd(cost.cost_nano)
    if cost.list_cost_nano is not None:
        listed = _usd(cost.list_cost_nano)
    quantity, unit = _quantity(cost) if category == USAGE else (None, None)
    service_category, subcategory = _CATEGORIES.get(cost.service, _OTHER)
    return (
        ACCOUNT, ACCOUNT, "Organization",
        cost.user_id, cost.user_id, "User",
        CURRENCY, None, *_billing_period(cost.time), *_charge_period(cost), category, None,
        _description(cost), "Usage-Based" if category == USAGE else "One-Time",
        money, money, money, listed, quantity, unit, quantity, unit,
        cost.service, cost.service, cost.service, service_category, subcategory, cost.service,
        cost.call_id, cost.call_id, "Call", cost.tags or "{}", cost.row_id,
        cost.kind, cost.time.astimezone(UTC), cost.persona_id,
        cost.operation, cost.model or None, cost.leg_id or None, cost.usages,
        cost.source, cost.event_id, cost.estimated,
    )  # fmt: skip


def category_of(cost: Cost) -> str:
    """Return the ChargeCategory: an Adjustment corrects the price of usage that has its own row."""
    return ADJUSTMENT if cost.kind in {"archived.voided", "call.rounded"} else USAGE


def _usd(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


def _quantity(cost: Cost) -> tuple[Decimal, str]:
    """Return the usage; for a row without a single quantity, one request, transaction or call."""
    if cost.usage is not None and cost.unit:
        return cost.usage, cost.unit.replace("_", " ").title()
    return Decimal(1), _COUNTED_AS.get(cost.kind, "Calls")


def _billing_period(time: datetime) -> tuple[datetime, datetime]:
    """Return the UTC month of a time."""
    utc = time.astimezone(UTC)
    start = datetime(utc.year, utc.month, 1, tzinfo=UTC)
    return start, datetime(utc.year + utc.month // 12, utc.month % 12 + 1, 1, tzinfo=UTC)


def _charge_period(cost: Cost) -> tuple[datetime, datetime]:
    """Return the UTC hour of a cost; for archived sums, the day."""
    start = cost.time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return start, start + (_DAY if cost.kind == "archived.costs" else _HOUR)


def _description(cost: Cost) -> str:
    parts = (cost.service, cost.operation, cost.model)
    return f"{cost.kind}: {' '.join(part for part in parts if part)}"
