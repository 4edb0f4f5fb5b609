"""Settings of the API: where it listens, and how much one client may take of one process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Final

from api.http.options import RequestLimits
from cost_analytics.configuration.variable import Section, custom, integer, text

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

_PORTS: Final = (1, 65_535)
_COUNTS: Final = (1, 1_000_000)
_EXPORTS: Final = (1, 4)
_API: Final = RequestLimits()
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


def _limit(name: str, default: int | None, meaning: str, bounds: tuple[int, int] = _COUNTS) -> int:
    return integer(name, default or 0, bounds, meaning)


def _metrics_port(reader: Reader, name: str) -> int | None:
    return reader.integer(name, *_PORTS) if reader.is_set(name) else None


def _origins(reader: Reader, name: str) -> tuple[str, ...]:
    origins = reader.words(name)
    for origin in origins if origins != ("*",) else ():
        if not _ORIGIN.fullmatch(origin):
            reader.wrong(name, f'must be origins like https://app.example.com, not "{origin}".')
    return origins


@dataclass(frozen=True, slots=True)
class ApiSection(Section):
    """Where the API listens, and the origins whose pages may call it.

    With a `metrics_port` `/metrics` is served there only.
    """

    host: str = text("API_HOST", "127.0.0.1", "Address to listen on; `0.0.0.0` in a container.")
    port: int = integer("API_PORT", 8080, _PORTS, "Port to listen on.")
    metrics_port: int | None = custom(
        "METRICS_PORT",
        None,
        "Port of `API_HOST` that serves `/metrics`, which `API_PORT` then does not. Unset: "
        "`API_PORT` serves it, to anyone who can connect.",
        _metrics_port,
    )
    cors_origins: tuple[str, ...] = custom(
        "CORS_ORIGINS",
        (),
        "Origins whose pages may call the API: `https://app.example.com`, several with commas; "
        "`*` alone for all.",
        _origins,
    )

    def check(self, reader: Reader) -> None:
        """Note where both ports are the same."""
        if self.metrics_port == self.port:
            reader.wrong("METRICS_PORT", "must be another port than API_PORT.")


@dataclass(frozen=True, slots=True)
class LimitSection(Section):
    """How much one client may take of one API process, and which proxies name the client."""

    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = custom(
        "TRUSTED_PROXIES",
        (),
        "Networks of the reverse proxies in front of the API: `10.0.0.0/8, fd00::/8`. Only from "
        "these are `Forwarded` and `X-Forwarded-For` taken for the client's address. Unset: every "
        "client is counted under the address that it connects from.",
        lambda reader, name: reader.networks(name),
    )
    requests_per_second: int = _limit(
        "LIMIT_REQUESTS_PER_SECOND", _API.requests_per_second, "Requests of one user, on average."
    )
    burst: int = _limit("LIMIT_BURST", _API.burst, "Requests of one user that may come at once.")
    failures_per_second: int = _limit(
        "LIMIT_FAILURES_PER_SECOND",
        _API.failures_per_second,
        "Failed authentications of one address, on average.",
    )
    requests_per_user: int = _limit(
        "LIMIT_REQUESTS_PER_USER",
        _API.requests_per_user,
        "Requests of one user that may be under way at once.",
    )
    requests_per_address: int = _limit(
        "LIMIT_REQUESTS_PER_ADDRESS", _API.requests_per_address, "The same of one address."
    )
    connections: int = _limit(
        "LIMIT_CONNECTIONS", _API.connections, "Open connections of one process."
    )
    connections_per_address: int = _limit(
        "LIMIT_CONNECTIONS_PER_ADDRESS",
        _API.connections_per_address,
        "Those of one address; a proxy in `TRUSTED_PROXIES` may have all.",
    )
    sockets: int = _limit("LIMIT_SOCKETS", _API.sockets, "Open WebSockets of one process.")
    sockets_per_user: int = _limit(
        "LIMIT_SOCKETS_PER_USER", _API.sockets_per_user, "Those of one user."
    )
    sockets_per_address: int = _limit(
        "LIMIT_SOCKETS_PER_ADDRESS", _API.sockets_per_address, "Those of one address."
    )
    exports: int = _limit(
        "LIMIT_EXPORTS",
        _API.exports,
        "Exports of one process at once, one for each user.",
        _EXPORTS,
    )
    exports_per_address: int = _limit(
        "LIMIT_EXPORTS_PER_ADDRESS", _API.exports_per_address, "Those of one address.", _EXPORTS
    )
    export_bytes_per_second: int = _limit(
        "LIMIT_EXPORT_BYTES_PER_SECOND",
        _API.export_bytes_per_second,
        "The pace below which the reader of an export is disconnected, after 30 s in arrears.",
        (1, 1_000_000_000),
    )
