"""Options and limits of the API."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final

from messaging.tracing import Tracer
from schemas.alerts import SpendBasis
from schemas.notices import ChannelType

BUILT_DASHBOARD: Final = Path(__file__).parents[1] / "static"
"""Where `tools/web` puts the built dashboard: beside this module, also in a wheel."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of one API process and of each client. Sizes in bytes.

    `batch_bytes` and `batch_events` limit the events of one request, `traces_bytes` the spans.

    `requests_per_second` limits each user's requests, `failures_per_second` each address's failed
    authentications, `all_failures_per_second` those of all addresses; a `burst` is the number
    allowed at once; None turns a rate limit off. `requests_per_user` and `requests_per_address`
    limit concurrent requests, without sockets. `trusted_proxies` are the networks of reverse
    proxies, whose `Forwarded` or `X-Forwarded-For` names the client. `exports` limits concurrent
    exports, `export_seconds` the duration of one, and `export_bytes_per_second` is the slowest
    speed at which a client may read it.
    """

    connections: int = 4_096
    connections_per_address: int = 1_024
    backlog: int = 1_024
    head_seconds: int = 10
    body_seconds: int = 10
    send_seconds: int = 30
    keepalive_seconds: int = 75
    shutdown_seconds: int = 10
    body_bytes: int = 64 * 1024
    batch_bytes: int = 1024 * 1024
    batch_events: int = 500
    traces_bytes: int = 8 * 1024 * 1024
    query_bytes: int = 2_048
    requests_per_second: int | None = 200
    burst: int = 1_000
    failures_per_second: int | None = 10
    failures_burst: int = 100
    all_failures_per_second: int | None = 500
    all_failures_burst: int = 1_000
    requests_per_user: int = 256
    requests_per_address: int = 1_024
    clients: int = 10_000
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    exports: int = 3
    exports_per_user: int = 1
    exports_per_address: int = 2
    export_seconds: int = 600
    export_bytes_per_second: int = 16 * 1024
    sockets: int = 3_000
    sockets_per_user: int = 20
    sockets_per_address: int = 500


@dataclass(frozen=True, slots=True)
class TraceNames:
    """The attributes of spans and resources that name the call and the user, by preference."""

    call: tuple[str, ...] = (
        "cost_analytics.call.id",
        "gen_ai.conversation.id",
        "conversation.id",
        "session.id",
    )
    user: tuple[str, ...] = ("cost_analytics.user.id", "user.id", "enduser.id")


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """Options of the API.

    `cors_origins` are exact origins such as `https://app.example`, or the single `*`.

    `channel_types` are the types of notification channels that are available.
    `webhook_allow_private` is unsafe: it allows webhooks to private addresses.
    With `separate_metrics_port` `/metrics` is served on its own port only.
    A response of `/metrics` is reused for `metrics_cache_seconds`. Bodies of unchanged reports use
    at most `report_cache_bytes` of memory. `trace_names` are the attributes by which spans name
    their call and user. `public_url` is the API's address, which some vendors include in their
    signatures. `dashboard` is the folder of the built dashboard. Without a `tracer`
    nothing is traced.
    """

    cors_origins: tuple[str, ...] = ()
    budget_basis: SpendBasis = "charged"
    channel_types: tuple[ChannelType, ...] = ("webhook",)
    webhook_allow_private: bool = False
    separate_metrics_port: bool = False
    metrics_cache_seconds: int = 3
    report_cache_bytes: int = 16 * 1024 * 1024
    limits: RequestLimits = field(default_factory=RequestLimits)
    public_url: str | None = None
    trace_names: TraceNames = field(default_factory=TraceNames)
    dashboard: Path = BUILT_DASHBOARD
    tracer: Tracer | None = None
