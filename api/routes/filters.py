"""The parameters that filter and group costs, with the same meaning on every route.

`personaId` and `tag` select calls; `service` and `model` select costs. Values of one parameter, and
of one tag, are alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, cast, get_args

from aiohttp import web

from api.http.identifiers import identifier_error
from api.http.paging import limit_of
from api.http.parameters import NAME, is_given, repeated, value_of, values_of
from api.http.problems import Problem, invalid_parameter
from api.openapi.operations import Parameter
from ledger.reports.filters import CostFilter, TagValue
from ledger.reports.grouping import GROUPS_DEFAULT, GROUPS_MAX, Grouping, GroupKind
from schemas.costs import UNKNOWN_PERSONA
from schemas.events import MAX_TAG_LENGTH, TAG_KEY

_TAG_CHARACTERS_MAX: Final = 40 + 1 + MAX_TAG_LENGTH
_TAG: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": f"^{TAG_KEY}:.{{0,{MAX_TAG_LENGTH}}}$",
    "maxLength": _TAG_CHARACTERS_MAX,
    "examples": ["campaign:spring", "campaign:"],
}
_BY_TAG: Final = "tag:"
_KINDS: Final = tuple(kind for kind in get_args(GroupKind) if kind != "tag")

PERSONA: Final = repeated(
    "personaId", f"Filters by persona; `{UNKNOWN_PERSONA}` for calls without one.", NAME
)
TAG: Final = repeated(
    "tag",
    "Filters calls by a tag, `key:value`; `key:` for calls without the tag. Values of one key are "
    "alternatives; of several keys, each must match.",
    _TAG,
)
SERVICE: Final = repeated(
    "service",
    "Narrows costs to a service. Charges and calls are not narrowed, because a charge belongs to "
    "the whole call; profit is null.",
    NAME,
)
MODEL: Final = repeated(
    "model",
    "Narrows costs to a model, as `service` does; an empty value selects costs without a model.",
    {**NAME, "minLength": 0},
)
CALL_SERVICE: Final = repeated("service", "Filters by a service that cost something.", NAME)
CALL_MODEL: Final = repeated(
    "model",
    "Filters by the model of a recorded cost; an empty value selects costs without a model.",
    MODEL.schema["items"],
)
EXPORT_SERVICE: Final = repeated(
    "service",
    "Events and days include only the costs of a service; calls must have such a cost.",
    NAME,
)
EXPORT_MODEL: Final = repeated(
    "model",
    "Events and days include only the costs of a model; calls must have such a cost. An empty "
    "value selects costs without a model.",
    MODEL.schema["items"],
)
GROUP_BY: Final = Parameter(
    "groupBy",
    "Adds `groups` and each day's `costByGroup`: by `persona`, `service`, `model`, or `tag:` and a "
    "key.",
    {
        "type": "string",
        "pattern": f"^({'|'.join(_KINDS)}|{_BY_TAG}{TAG_KEY})$",
        "examples": ["tag:campaign", "model"],
    },
)
GROUPS: Final = Parameter(
    "groupLimit",
    "The number of listed groups, those with the highest costs; `others` sums up the rest.",
    {"type": "integer", "minimum": 1, "maximum": GROUPS_MAX, "default": GROUPS_DEFAULT},
)
COST_FILTERS: Final = (PERSONA, TAG, SERVICE, MODEL)
"""The filters of reports, which narrow costs."""
CALL_FILTERS: Final = (PERSONA, TAG, CALL_SERVICE, CALL_MODEL)
"""The filters of lists of calls."""
EXPORT_FILTERS: Final = (PERSONA, TAG, EXPORT_SERVICE, EXPORT_MODEL)
"""The filters of exports."""
GROUPING: Final = (GROUP_BY, GROUPS)


def cost_filter_of(
    request: web.Request, declared: Sequence[Parameter] = COST_FILTERS
) -> CostFilter:
    """Return the requested filter by one of the declarations; raises the 400 Problem."""
    personas, tags, services, models = declared
    return CostFilter(
        _names_of(request, personas),
        _names_of(request, services),
        tuple(name for name in values_of(request, models) if not name or _checked(models, name)),
        tuple(_tag_of(text) for text in values_of(request, tags)),
    )


def grouping_of(request: web.Request) -> Grouping | None:
    """Return the requested grouping; raises the 400 Problem."""
    text = value_of(request, GROUP_BY)
    if text is None:
        if is_given(request, GROUPS):
            raise invalid_parameter(GROUPS.name, f"requires {GROUP_BY.name}")
        return None
    groups_max = limit_of(request, GROUPS)
    if text in _KINDS:
        return Grouping(cast(GroupKind, text), groups_max=groups_max)
    key = text.removeprefix(_BY_TAG)
    if key == text or not re.fullmatch(TAG_KEY, key):
        names = ", ".join(_KINDS)
        raise invalid_parameter(GROUP_BY.name, f"must be {names}, or `{_BY_TAG}` and a key")
    return Grouping("tag", key, groups_max)


def _names_of(request: web.Request, parameter: Parameter) -> tuple[str, ...]:
    return tuple(_checked(parameter, name) for name in values_of(request, parameter))


def _checked(parameter: Parameter, name: str) -> str:
    if (flaw := identifier_error(name)) is not None:
        raise invalid_parameter(parameter.name, flaw)
    return name


def _tag_of(text: str) -> TagValue:
    key, separator, value = text.partition(":")
    if not separator or not re.fullmatch(TAG_KEY, key):
        raise _invalid_tag()
    if len(value) > MAX_TAG_LENGTH or (value and identifier_error(value)):
        raise _invalid_tag()
    return TagValue(key, value)


def _invalid_tag() -> Problem:
    return invalid_parameter(
        TAG.name, "must be a key and a value, such as campaign:spring, or `campaign:` without it"
    )
