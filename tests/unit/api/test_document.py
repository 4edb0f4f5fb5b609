"""docs/api.md agrees with the routes, errors and bodies of the API."""

import json
import re
from typing import Any, cast

import msgspec
import pytest

from api.app import build_app
from api.http.access import ROUTES
from ledger.postgres.pool import Pool
from ledger.postgres.viewers import ReaderPool
from schemas.advice import RecommendationBody, Recommendations
from schemas.analytics import (
    Analytics,
    CostBreakdown,
    InsightsBody,
    TopCosts,
    TopEntry,
    UserEntry,
    UserList,
)
from schemas.anomalies import AnomalyList, ListedAnomaly
from schemas.budgets import Authorization, Budget
from schemas.call_lists import CallPage, CallSummary, EventPage, ListedEvent
from schemas.charge_plans import ChargePlanEntered, ChargePlanItem, ChargePlanList
from schemas.costs import (
    CallCost,
    CostGroup,
    CostGroups,
    CostLine,
    DayCost,
    GroupSums,
    OtherGroups,
    Period,
    PersonaCost,
    PreviousSpending,
    Spending,
    SpendingDay,
)
from schemas.credits import Credit, Grant
from schemas.forecasts import Forecast
from schemas.intake import Accepted
from schemas.live import LiveTicket, RecentCosts
from schemas.prices import (
    ModelAlias,
    ModelAliasEntered,
    ModelAliasList,
    PriceEntered,
    PriceItem,
    PriceList,
    PriceProposal,
    RerateGroup,
    RerateReport,
    RerateSum,
    RerateUser,
)
from schemas.problems import ProblemCode
from schemas.reconciliation import BillsBody, ReconciledDay, ReconciliationBody
from schemas.reservations import CheaperModel, Reservation, ReservedCost
from schemas.scoped_budgets import ScopedBudget, ScopedBudgetList
from tests.support.api import authenticator
from tests.support.house import ROOT

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)]
ANSWERS = [block for block in BLOCKS if "success" in block]
[GROUPS] = [block for block in BLOCKS if "groups" in block]
BODIES = [response["data"] for response in ANSWERS if response["success"]]

SHAPES = (
    CallCost, Spending, CallPage, EventPage, Budget, ScopedBudgetList, AnomalyList, Forecast, Recommendations, Authorization, Reservation, Credit,
    Accepted, Accepted, Analytics, TopCosts, UserList, ReconciliationBody, LiveTicket, RecentCosts, PriceList, PriceEntered, PriceEntered, PriceProposal,
    ModelAliasEntered, ModelAliasList, RerateReport,
    ChargePlanEntered, ChargePlanList,
)  # fmt: skip
PARTS: dict[tuple[type[msgspec.Struct], str], type[msgspec.Struct]] = {
    (Spending, "period"): Period,
    (Reservation, "costs"): ReservedCost,
    (ScopedBudgetList, "budgets"): ScopedBudget,
    (Credit, "grants"): Grant,
    (Reservation, "cheaper"): CheaperModel,
    (Spending, "topPersonas"): PersonaCost,
    (TopCosts, "period"): Period,
    (TopCosts, "entries"): TopEntry,
    (UserList, "users"): UserEntry,
    (Spending, "daily"): SpendingDay,
    (Spending, "previous"): PreviousSpending,
    (CallPage, "calls"): CallSummary,
    (EventPage, "events"): ListedEvent,
    (AnomalyList, "anomalies"): ListedAnomaly,
    (Recommendations, "recommendations"): RecommendationBody,
    (Analytics, "insights"): InsightsBody,
    (Analytics, "costBreakdown"): CostBreakdown,
    (Analytics, "daily"): DayCost,
    (PriceList, "prices"): PriceItem,
    (ModelAliasList, "aliases"): ModelAlias,
    (PriceEntered, "proposal"): PriceProposal,
    (RerateReport, "total"): RerateSum,
    (ChargePlanList, "plans"): ChargePlanItem,
    (RerateReport, "byService"): RerateGroup,
    (RerateReport, "topUsers"): RerateUser,
    (ReconciliationBody, "days"): ReconciledDay,
    (ReconciliationBody, "bills"): BillsBody,
}


ON_REQUEST = {"groups", "costByGroup"}
"""Fields that only a request with `groupBy` gets."""


def names(of: type[msgspec.Struct]) -> list[str]:
    found = [field.encode_name for field in msgspec.structs.fields(of)]
    return [name for name in found if name not in ON_REQUEST or of is CostGroups]


def test_documented_groups_have_the_sent_fields() -> None:
    assert list(GROUPS) == names(CostGroups)
    assert set(GROUPS["groups"][0]) == set(names(CostGroup))
    assert set(GROUPS["others"]) == set(names(OtherGroups))
    assert set(GROUPS["without"]) == set(names(GroupSums))


def test_every_route_has_a_heading() -> None:
    headings = "\n".join(line for line in TEXT.splitlines() if line.startswith("## "))
    for route in build_app(ReaderPool(cast(Pool, None)), authenticator())[ROUTES]:
        assert f"{route.method} {route.path}" in headings


def test_every_failure_is_listed() -> None:
    listed = set(re.findall(r"`([a-z_]+)`", TEXT))
    assert set(ProblemCode.__args__) <= listed  # type: ignore[attr-defined]


@pytest.mark.parametrize(("body", "shape"), list(zip(BODIES, SHAPES, strict=True)))
def test_each_documented_body_has_the_sent_fields(body: Any, shape: type[msgspec.Struct]) -> None:
    assert list(body) == names(shape)


def test_documented_parts_of_bodies_have_the_sent_fields() -> None:
    bodies = dict(zip(SHAPES, BODIES, strict=True))
    assert list(bodies[CallCost]["apiCosts"]["twilio"][0]) == names(CostLine)
    for (shape, field), part in PARTS.items():
        value = bodies[shape][field]
        assert list(value[0] if isinstance(value, list) else value) == names(part), field


@pytest.mark.parametrize("body", BODIES[:2], ids=["call", "spending"])
def test_documented_figures_add_up(body: Any) -> None:
    cents = {name: round(cost * 1000) for name, cost in body["costByService"].items()}
    assert sum(cents.values()) == round(body["totalCost"] * 1000)
    classes = ("totalApiCost", "totalInfrastructureCost", "totalTransactionCost")
    assert sum(round(body[name] * 1000) for name in classes) == round(body["totalCost"] * 1000)
