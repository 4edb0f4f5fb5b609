"""Filters of costs and calls by persona, service, model and tag, one meaning for every report.

Personas and tags select calls. Services and models select costs: a charge belongs to a call, not to
a service, so a filter by service or model narrows costs and leaves charges as they are. In a list
of calls it selects the calls that have a matching cost.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final, NamedTuple

from schemas.jsonio import encode


class TagValue(NamedTuple):
    """A tag with one value; an empty value stands for calls without the tag."""

    key: str
    value: str


class CostFilter(NamedTuple):
    """A cost must match one value of each field; an empty field matches everything.

    For each key of `tags`, one value must match. An empty model matches costs without a model.
    """

    personas: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    tags: tuple[TagValue, ...] = ()

    @property
    def narrows_costs(self) -> bool:
        """Whether only a part of a call's costs matches, so that profit has no meaning."""
        return bool(self.services or self.models)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of statements; null matches everything."""
        tags: dict[str, list[str]] = defaultdict(list)
        for key, value in self.tags:
            tags[key].append(value)
        return {
            "personas": self.personas or None,
            "services": self.services or None,
            "models": self.models or None,
            "tags": encode(tags).decode() if tags else None,
        }

    def matches_cost(self, service: str | None, model: str | None) -> bool:
        """Return whether a cost of that service and model matches."""
        return (not self.services or service in self.services) and (
            not self.models or (model or "") in self.models
        )


NO_FILTER: Final = CostFilter()
