"""What an operator may set about the interface, and the limit on everything else."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ledger.store.budgets import BudgetBasis
from schemas.notices import ChannelType

BUILT_DASHBOARD: Final = Path(__file__).with_name("static")
"""Where `tools/web` puts the dashboard: beside this module, in a checkout and in a wheel."""


@dataclass(frozen=True, slots=True)
class Limits:
    """No client may take more than this of one process. Sizes in bytes.

    `batch_bytes` and `batch_events` bound the events of one request.

    `requests_per_second` counts per user, and per address for tokens not seen before; `burst` is
    how many may come at once; None turns the limit off. `proxies` is the number of trusted
    reverse proxies in front, whose `X-Forwarded-For` then tells clients apart. `exports` is how
    many files may be on their way at once, and `export_seconds` how long one of them may take.
    """

    connections: int = 4_096
    backlog: int = 1_024
    head_seconds: int = 10
    body_seconds: int = 10
    send_seconds: int = 30
    keepalive_seconds: int = 75
    shutdown_seconds: int = 10
    body_bytes: int = 64 * 1024
    batch_bytes: int = 1024 * 1024
    batch_events: int = 500
    query_bytes: int = 2_048
    requests_per_second: int | None = 200
    burst: int = 1_000
    clients: int = 10_000
    proxies: int = 0
    exports: int = 3
    exports_per_user: int = 1
    export_seconds: int = 600
    sockets: int = 3_000
    sockets_per_user: int = 20


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """`cors_origins` are exact origins such as `https://app.example`, or the single `*`.

    `channel_types` are the ways by which users can be told of alerts here.
    `webhook_allow_private` is unsafe: it lets webhooks reach whatever this network can reach.
    `dashboard` is the folder with the built files of the dashboard.
    """

    cors_origins: tuple[str, ...] = ()
    budget_basis: BudgetBasis = "charged"
    channel_types: tuple[ChannelType, ...] = ("webhook",)
    webhook_allow_private: bool = False
    limits: Limits = field(default_factory=Limits)
    dashboard: Path = BUILT_DASHBOARD
