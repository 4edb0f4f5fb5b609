"""Plans of queries, as `EXPLAIN (FORMAT JSON)` returns them."""

from typing import Any


def plan_nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a node of a plan and all nodes below it."""
    return [plan, *(node for child in plan.get("Plans", ()) for node in plan_nodes(child))]
