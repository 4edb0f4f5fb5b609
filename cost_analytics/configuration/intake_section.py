"""Settings of commands that send events over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import is_local
from cost_analytics.configuration.variable import Section, custom

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader


def _url(reader: Reader, name: str) -> str:
    """Return the address of the API, which must be https unless it is on this machine."""
    parts = reader.url(name, ("https", "http"))
    if parts is None:
        reader.add_error(name, "is missing: the address of the API, https://costs.example.com.")
        return ""
    if parts.scheme == "http" and not is_local(parts.hostname or ""):
        reader.add_error(name, "must be https: the token is sent to it.")
    return parts.geturl().rstrip("/")


def _token(reader: Reader, name: str) -> Secret:
    token = reader.secret(name)
    if not token:
        reader.add_error(
            name,
            "is missing: the key of this service, which `cost-analytics keys create --service NAME "
            "--scope ingest` makes.",
        )
    return token


@dataclass(frozen=True, slots=True)
class IntakeSection(Section):
    """Where `follow` sends events, and with which key."""

    url: str = custom(
        "INTAKE_URL",
        "",
        "The address of the API to which `follow` sends events, such as "
        "`https://costs.example.com`. `make run` sets it for commands beside it.",
        _url,
    )
    token: Secret = custom(
        "INTAKE_TOKEN",
        Secret(""),
        "The key of this service (`cost-analytics keys create --scope ingest`), or a JWT.",
        _token,
        secret=True,
    )
