"""Settings of the API's limits: how much one client may take of one process."""

from __future__ import annotations

from typing import Final

from cost_analytics.configuration.variable import Variable


def _limit(name: str, default: int, meaning: str) -> Variable:
    return Variable("limits", name, str(default), meaning)


LIMIT_VARIABLES: Final = (
    Variable(
        "limits",
        "TRUSTED_PROXIES",
        "",
        "Networks of the reverse proxies in front of the API: `10.0.0.0/8, fd00::/8`. Only from "
        "these are `Forwarded` and `X-Forwarded-For` taken for the client's address. Unset: every "
        "client is counted under the address that it connects from.",
    ),
    _limit("LIMIT_REQUESTS_PER_SECOND", 200, "Requests of one user, on average."),
    _limit("LIMIT_BURST", 1_000, "Requests of one user that may come at once."),
    _limit("LIMIT_FAILURES_PER_SECOND", 10, "Failed authentications of one address, on average."),
    _limit("LIMIT_REQUESTS_PER_USER", 256, "Requests of one user that may be under way at once."),
    _limit("LIMIT_REQUESTS_PER_ADDRESS", 1_024, "The same of one address."),
    _limit("LIMIT_CONNECTIONS", 4_096, "Open connections of one process."),
    _limit(
        "LIMIT_CONNECTIONS_PER_ADDRESS",
        1_024,
        "Those of one address; a proxy in `TRUSTED_PROXIES` may have all.",
    ),
    _limit("LIMIT_SOCKETS", 3_000, "Open WebSockets of one process."),
    _limit("LIMIT_SOCKETS_PER_USER", 20, "Those of one user."),
    _limit("LIMIT_SOCKETS_PER_ADDRESS", 500, "Those of one address."),
    _limit("LIMIT_EXPORTS", 3, "Exports of one process at once, one for each user. 1 to 4."),
    _limit("LIMIT_EXPORTS_PER_ADDRESS", 2, "Those of one address."),
    _limit(
        "LIMIT_EXPORT_BYTES_PER_SECOND",
        16_384,
        "The pace below which the reader of an export is disconnected, after 30 s in arrears.",
    ),
)
