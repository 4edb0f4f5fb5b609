"""Settings of the API: where it listens, and how much one client may take of one process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Final

from cost_analytics.configuration.variable import Section, custom, integer, text

if TYPE_CHECKING:
    from cost_analytics.configuration.reader import Reader

_PORTS: Final = (1, 65_535)
_COUNTS: Final = (1, 1_000_000)
_EXPORTS: Final = (1, 4)
_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+")


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
    requests_per_second: int = integer(
        "LIMIT_REQUESTS_PER_SECOND", 200, _COUNTS, "Requests of one user, on average."
    )
    burst: int = integer(
        "LIMIT_BURST", 1_000, _COUNTS, "Requests of one user that may come at once."
    )
    failures_per_second: int = integer(
        "LIMIT_FAILURES_PER_SECOND",
        10,
        _COUNTS,
        "Failed authentications of one address, on average.",
    )
    requests_per_user: int = integer(
        "LIMIT_REQUESTS_PER_USER",
        256,
        _COUNTS,
        "Requests of one user that may be under way at once.",
    )
    requests_per_address: int = integer(
        "LIMIT_REQUESTS_PER_ADDRESS", 1_024, _COUNTS, "The same of one address."
    )
    connections: int = integer(
        "LIMIT_CONNECTIONS", 4_096, _COUNTS, "Open connections of one process."
    )
    connections_per_address: int = integer(
        "LIMIT_CONNECTIONS_PER_ADDRESS",
        1_024,
        _COUNTS,
        "Those of one address; a proxy in `TRUSTED_PROXIES` may have all.",
    )
    sockets: int = integer("LIMIT_SOCKETS", 3_000, _COUNTS, "Open WebSockets of one process.")
    sockets_per_user: int = integer("LIMIT_SOCKETS_PER_USER", 20, _COUNTS, "Those of one user.")
    sockets_per_address: int = integer(
        "LIMIT_SOCKETS_PER_ADDRESS", 500, _COUNTS, "Those of one address."
    )
    exports: int = integer(
        "LIMIT_EXPORTS", 3, _EXPORTS, "Exports of one process at once, one for each user."
    )
    exports_per_address: int = integer(
        "LIMIT_EXPORTS_PER_ADDRESS", 2, _EXPORTS, "Those of one address."
    )
    export_bytes_per_second: int = integer(
        "LIMIT_EXPORT_BYTES_PER_SECOND",
        16_384,
        (1, 1_000_000_000),
        "The pace below which the reader of an export is disconnected, after 30 s in arrears.",
    )
