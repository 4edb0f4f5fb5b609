"""Other spellings of a model's name: vendors and frameworks write the same model differently.

A spelling is tried only if the catalogue has no price of the model as sent. Spellings that change
the name least are tried first, so a dated name has the price of its own date rather than that of
the model without a date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

_SERVICES: Final[Mapping[str, frozenset[str]]] = {
    "aws": frozenset({"bedrock", "bedrock_converse", "converse"}),
    "azure": frozenset({"azure_ai", "azure_openai", "openai"}),
    "bedrock": frozenset({"aws", "bedrock_converse", "converse"}),
    "fireworks": frozenset({"accounts", "fireworks_ai"}),
    "fireworks_ai": frozenset({"accounts", "fireworks"}),
    "gemini": frozenset({"google", "publishers", "vertex_ai"}),
    "google": frozenset({"gemini", "publishers", "vertex_ai"}),
    "openai": frozenset({"azure"}),
    "together": frozenset({"together_ai"}),
    "vertex_ai": frozenset({"gemini", "google", "publishers"}),
    "x-ai": frozenset({"xai"}),
    "xai": frozenset({"x-ai"}),
}
"""What frameworks write before the models of a service, besides the name of the service."""

_region: Final = re.compile(r"(?:us|us-gov|eu|apac|au|ca|jp)\.(?=[a-z]+\.)").match
"""The region of an inference profile of Bedrock. The prices of `global.` differ, so it stays."""
_revision: Final = re.compile(r"(?:-v[0-9]+(?::[0-9]+)?|:[0-9]+|@(?:default|latest))$").search
_day: Final = re.compile(r"[-@](20[0-9]{2})-?([01][0-9])-?([0-3][0-9])$").search
_dotted: Final = re.compile(r"(?<=[0-9])\.(?=[0-9])").sub
_LATEST: Final = "-latest"


def spellings(service: str, model: str) -> list[str]:
    """Return the other spellings of a model's standard name, the least changed first."""
    names = {model: None}
    for vary in _VARIATIONS:
        for name in [*names]:
            names |= dict.fromkeys(vary(service, name))
    del names[model]
    return [*names]


def _without_service(service: str, name: str) -> Iterator[str]:
    """Yield the name without what frameworks write before it: `openai/gpt-4o`."""
    known = _SERVICES.get(service, frozenset()) | {service, "models"}
    head, slash, rest = name.partition("/")
    while slash and head in known:
        yield rest
        head, slash, rest = rest.partition("/")


def _without_region(_: str, name: str) -> Iterator[str]:
    """Yield the name without the region of Bedrock: `eu.anthropic.claude-sonnet-4`."""
    found = _region(name)
    if found:
        yield name[found.end() :]


def _without_revision(_: str, name: str) -> Iterator[str]:
    """Yield the name without a revision of Bedrock or Vertex AI: `-v1:0`, `@default`."""
    found = _revision(name)
    if found:
        yield name[: found.start()]


def _with_day(_: str, name: str) -> Iterator[str]:
    """Yield the name with its date in both forms: `-2025-04-14` and `-20250414`."""
    found = _day(name)
    if found:
        for form in ("-{}-{}-{}", "-{}{}{}", "@{}{}{}"):
            yield name[: found.start()] + form.format(*found.groups())


def _without_day(_: str, name: str) -> Iterator[str]:
    """Yield the name without its date or `-latest`."""
    found = _day(name)
    if found:
        yield name[: found.start()]
    elif name.endswith(_LATEST):
        yield name.removesuffix(_LATEST)


def _as_latest(_: str, name: str) -> Iterator[str]:
    """Yield the name with `-latest`, as some lists have it."""
    if not _day(name) and not name.endswith(_LATEST):
        yield name + _LATEST


def _with_dashes(_: str, name: str) -> Iterator[str]:
    """Yield the name with dashes in its version: `claude-3-5-haiku` for `claude-3.5-haiku`."""
    yield _dotted("-", name)


_VARIATIONS: Final[Sequence[Callable[[str, str], Iterator[str]]]] = (
    _without_service,
    _without_region,
    _without_revision,
    _with_day,
    _without_day,
    _as_latest,
    _with_dashes,
)
