"""Settings of the API: its addresses, and the limits of each client and each process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Final

from api.http.options import RequestLimits, TraceNames
from cost_analytics.configuration.variable import Section, custom, integer, text

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

_PORTS: Final = (1, 65_535)
_COUNTS: Final = (1, 1_000_000)
_EXPORTS: Final = (1, 4)
_API: Final = RequestLimits()
_NAMES: Final = TraceNames()
_NAMES_MAX: Final = 20
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


def _limit(name: str, default: int | None, meaning: str, bounds: tuple[int, int] = _COUNTS) -> int:
    return integer(name, default or 0, bounds, meaning)


def _metrics_port(reader: Reader, name: str) -> int | None:
    return reader.integer(name, *_PORTS) if reader.is_set(name) else None


def _origins(reader: Reader, name: str) -> tuple[str, ...]:
    origins = reader.items(name)
    for origin in origins if origins != ("*",) else ():
        if not _ORIGIN.fullmatch(origin):
            reader.add_error(name, f'must be origins like https://app.example.com, not "{origin}".')
    return origins


def _names(reader: Reader, name: str) -> tuple[str, ...]:
    names = reader.items(name)
    if len(names) > _NAMES_MAX:
        reader.add_error(name, f"must be at most {_NAMES_MAX} names.")
    return names


@dataclass(frozen=True, slots=True)
class ApiSection(Section):
    """The addresses of the API, and the origins of pages that may call it.

    With a `metrics_port`, `/metrics` is served on that port only.
    """

    host: str = text("API_HOST", "127.0.0.1", "Address to listen on; `0.0.0.0` in a container.")
    port: int = integer("API_PORT", 8080, _PORTS, "Port to listen on.")
    metrics_port: int | None = custom(
        "METRICS_PORT",
        None,
        "A separate port of `API_HOST` for `/metrics`, which `API_PORT` then does not serve. "
        "Unset: `API_PORT` serves it to everyone who can connect.",
        _metrics_port,
    )
    cors_origins: tuple[str, ...] = custom(
        "CORS_ORIGINS",
        (),
        "Origins of pages that may call the API, separated by commas: `https://app.example.com`. "
        "`*` allows all origins.",
        _origins,
    )

    otlp_call_attributes: tuple[str, ...] = custom(
        "OTLP_CALL_ATTRIBUTES",
        _NAMES.call,
        "Attributes of spans or resources that name the call, separated by commas, the first one "
        "first. Without any of them, the trace is the call.",
        _names,
    )
    otlp_user_attributes: tuple[str, ...] = custom(
        "OTLP_USER_ATTRIBUTES",
        _NAMES.user,
        "Attributes of spans or resources that name the user, separated by commas.",
        _names,
    )

    def check(self, reader: Reader) -> None:
        """Report an error if both ports are the same."""
        if self.metrics_port == self.port:
            reader.add_error("METRICS_PORT", "must be another port than API_PORT.")


@dataclass(frozen=True, slots=True)
class LimitSection(Section):
    """Limits of each client and each API process, and the trusted reverse proxies."""

    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = custom(
        "TRUSTED_PROXIES",
        (),
        "Networks of the reverse proxies in front of the API: `10.0.0.0/8, fd00::/8`. `Forwarded` "
        "and `X-Forwarded-For` are trusted only if they come from one of these. Unset: the address "
        "of the connection is the client's address.",
        lambda reader, name: reader.networks(name),
    )
    requests_per_second: int = _limit(
        "LIMIT_REQUESTS_PER_SECOND",
        _API.requests_per_second,
        "Requests of one user per second, on average.",
    )
    burst: int = _limit("LIMIT_BURST", _API.burst, "Requests of one user at once.")
    failures_per_second: int = _limit(
        "LIMIT_FAILURES_PER_SECOND",
        _API.failures_per_second,
        "Failed authentications of one address per second, on average.",
    )
    requests_per_user: int = _limit(
        "LIMIT_REQUESTS_PER_USER",
        _API.requests_per_user,
        "Concurrent requests of one user.",
    )
    requests_per_address: int = _limit(
        "LIMIT_REQUESTS_PER_ADDRESS",
        _API.requests_per_address,
        "Concurrent requests of one address.",
    )
    connections: int = _limit(
        "LIMIT_CONNECTIONS", _API.connections, "Open connections of one process."
    )
    connections_per_address: int = _limit(
        "LIMIT_CONNECTIONS_PER_ADDRESS",
        _API.connections_per_address,
        "Open connections of one address; a proxy in `TRUSTED_PROXIES` has no limit of its own.",
    )
    sockets: int = _limit("LIMIT_SOCKETS", _API.sockets, "Open WebSockets of one process.")
    sockets_per_user: int = _limit(
        "LIMIT_SOCKETS_PER_USER", _API.sockets_per_user, "Open WebSockets of one user."
    )
    sockets_per_address: int = _limit(
        "LIMIT_SOCKETS_PER_ADDRESS", _API.sockets_per_address, "Open WebSockets of one address."
    )
    exports: int = _limit(
        "LIMIT_EXPORTS",
        _API.exports,
        "Concurrent exports of one process; each user may have one.",
        _EXPORTS,
    )
    exports_per_address: int = _limit(
        "LIMIT_EXPORTS_PER_ADDRESS",
        _API.exports_per_address,
        "Concurrent exports of one address.",
        _EXPORTS,
    )
    export_bytes_per_second: int = _limit(
        "LIMIT_EXPORT_BYTES_PER_SECOND",
        _API.export_bytes_per_second,
        "The slowest speed at which a client may read an export; one that falls behind by 30 s is "
        "disconnected.",
        (1, 1_000_000_000),
    )
