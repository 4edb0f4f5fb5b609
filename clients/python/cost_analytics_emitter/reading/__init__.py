"""Reads costs, budgets and lists, and follows the live feed, for asyncio.

Needs aiohttp: `pip install 'cost-analytics-emitter[reading]'`.
"""

from cost_analytics_emitter.reading.errors import ApiError
from cost_analytics_emitter.reading.reader import CostFilters, CostReader
from cost_analytics_emitter.reading.results import (
    Budget,
    CallCost,
    CallSummary,
    Forecast,
    ListedAlert,
    ListedAnomaly,
    ListedEvent,
    LiveAlert,
    LiveBudget,
    LiveCall,
    LiveChange,
    LiveSnapshot,
    RecentCosts,
    Recommendations,
    Spending,
)

__all__ = [
    "ApiError",
    "Budget",
    "CallCost",
    "CallSummary",
    "CostFilters",
    "CostReader",
    "Forecast",
    "ListedAlert",
    "ListedAnomaly",
    "ListedEvent",
    "LiveAlert",
    "LiveBudget",
    "LiveCall",
    "LiveChange",
    "LiveSnapshot",
    "RecentCosts",
    "Recommendations",
    "Spending",
]
