"""Builds and runs an API process."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Final

from api.app import METRICS_APP, Application, build_app
from api.http.auth import Authenticator, TokenRules
from api.http.jwks import key_source
from api.http.keys import KeySource
from api.http.options import ApiOptions, RequestLimits, TraceNames
from api.http.serving import serving
from api.routes.health import ReadinessCheck
from cost_analytics import logs
from cost_analytics.configuration.api_section import ApiSection
from cost_analytics.configuration.secret import Secret
from cost_analytics.configuration.token_section import TokenSection
from cost_analytics.configuration.tree import Settings
from cost_analytics.erasing import DatabasePeople
from cost_analytics.failures import MISUSED, CommandError, using_database
from cost_analytics.intake import KafkaIntake
from cost_analytics.running import serve_until_stopped
from cost_analytics.tracing import tracing
from ledger.postgres.clock import DatabaseClock
from ledger.postgres.database import connected
from ledger.postgres.session import check_signature, privileged_login
from ledger.postgres.viewer import SigningKeyError
from ledger.postgres.viewers import reader_pool, slow_reader_pool
from ledger.recording.workers import stream_is_read
from ledger.repricing.repricer import Repricer
from messaging.tracing import Tracer

_CACHED_NS: Final = 1_000_000_000
GRACE_SECONDS: Final = 15
_GRACE_NS: Final = GRACE_SECONDS * 1_000_000_000

_log: Final = logging.getLogger(__name__)


def serve(settings: Settings) -> int:
    """Serve until a signal arrives; returns the exit code."""
    logs.configure(settings)
    with using_database(settings.database_url):
        return serve_until_stopped(lambda stop: _serve(settings, stop))


async def _serve(settings: Settings, stop: asyncio.Event) -> int:
    with tracing(settings.tracing, "api") as tracer:
        return await _serve_traced(settings, stop, tracer)


async def _serve_traced(settings: Settings, stop: asyncio.Event, tracer: Tracer | None) -> int:
    authenticator = Authenticator(_keys(settings.tokens), _rules(settings.tokens))
    options = ApiOptions(
        cors_origins=settings.api.cors_origins,
        budget_basis=settings.budget.basis,
        channel_types=settings.delivery.channel_types(),
        webhook_allow_private=settings.delivery.webhook_allow_private,
        separate_metrics_port=settings.api.metrics_port is not None,
        public_url=settings.delivery.public_url,
        limits=RequestLimits(**asdict(settings.limits)),
        trace_names=TraceNames(
            settings.api.otlp_call_attributes, settings.api.otlp_user_attributes
        ),
        tracer=tracer,
    )
    url = settings.database_url.reveal()
    clock = DatabaseClock()
    await _check_login(url, clock)
    rerate_url = settings.rerate_url.reveal()
    async with reader_pool(url) as readers, slow_reader_pool(url) as slow_readers:
        intake = KafkaIntake(settings.kafka.client())
        checks = [ReadinessCheck("stream", StreamCheck(settings.database_url, clock).passes)]
        app = build_app(
            readers,
            authenticator,
            options,
            slow_readers=slow_readers,
            events=intake,
            checks=checks,
            now=clock.now,
            kafka=settings.kafka.client().client_options(),
            repricer=Repricer(rerate_url, settings.budget.basis) if rerate_url else None,
            people=_people(settings),
        )
        try:
            async with AsyncExitStack() as stack:
                await _listen(stack, app, settings.api, options.limits)
                _exempt_from_garbage_collection()
                await stop.wait()
        finally:
            await intake.close()
    _log.info("api stopped", extra={"action": "api_stopped"})
    return 0


def _people(settings: Settings) -> DatabasePeople | None:
    """Return the export and erasure of users, if the API may do that."""
    url = settings.people_url.reveal()
    return DatabasePeople(url, settings.kafka.client()) if url else None


def _exempt_from_garbage_collection() -> None:
    """Exempt all present objects: they last, and examining them would hold up the event loop."""
    gc.collect()
    gc.freeze()


async def _listen(
    stack: AsyncExitStack, app: Application, api: ApiSection, limits: RequestLimits
) -> None:
    """Serve on API_PORT, and `/metrics` on METRICS_PORT if it is set; raises CommandError."""
    ports = [("API_PORT", api.port, app, "api_started")]
    if api.metrics_port is not None:
        ports.append(("METRICS_PORT", api.metrics_port, app[METRICS_APP], "metrics_started"))
    for name, port, served, action in ports:
        try:
            address = await stack.enter_async_context(serving(served, api.host, port, limits))
        except OSError as error:
            raise CommandError(
                f"{api.host} port {port} cannot be opened: {error.strerror or error}. "
                f"Choose another API_HOST or {name}."
            ) from None
        _log.info("listening on %s port %d", *address, extra={"action": action})


async def _check_login(url: str, clock: DatabaseClock) -> None:
    """Raise CommandError if the API's login has more rights than an API needs; set the clock."""
    async with connected(url, name="cost-analytics api") as connection:
        await clock.sample(connection)
        login = await privileged_login(connection)
        if login is not None:
            raise CommandError(
                f"The API does not start as {login}: an SQL injection could do anything. "
                "Run `cost-analytics roles create` and use the login `api`.",
                MISUSED,
            )
        try:
            await check_signature(connection, url)
        except SigningKeyError as error:
            raise CommandError(str(error), MISUSED) from None


class StreamCheck:
    """Checks whether a worker reads the stream, and sets the clock, at most once a second.

    It opens a connection of its own: a busy connection pool says nothing about the stream. After
    a success, pauses of up to GRACE_SECONDS are no failure: while partitions move to other workers,
    no worker holds them, and all replicas would leave the load balancer at once.
    """

    def __init__(self, url: Secret, clock: DatabaseClock) -> None:
        self._url = url
        self._clock = clock
        self._lock = asyncio.Lock()
        self._valid_until_ns = 0
        self._result = False
        self._read_at_ns: int | None = None

    async def passes(self) -> bool:
        """Return the result; raises OSError or a PostgreSQL error."""
        async with self._lock:
            if time.monotonic_ns() >= self._valid_until_ns:
                self._result = False
                name = "cost-analytics ready"
                async with connected(self._url.reveal(), name=name) as connection:
                    self._result = self._with_grace(await stream_is_read(connection))
                    await self._clock.sample(connection)
                self._valid_until_ns = time.monotonic_ns() + _CACHED_NS
            return self._result

    def _with_grace(self, is_read: bool) -> bool:
        now_ns = time.monotonic_ns()
        if is_read:
            self._read_at_ns = now_ns
        return self._read_at_ns is not None and now_ns - self._read_at_ns < _GRACE_NS


def _keys(tokens: TokenSection) -> KeySource:
    try:
        return key_source(
            secret=tokens.secret.reveal() or None,
            public_key_pem=tokens.public_key,
            jwks_url=tokens.jwks_url,
        )
    except ValueError as error:
        raise CommandError(f"The key for tokens cannot be used: {error}.", MISUSED) from None


def _rules(tokens: TokenSection) -> TokenRules:
    return TokenRules(
        issuer=tokens.issuer,
        audience=tokens.audience,
        user_claim=tokens.user_claim,
        lifetime_seconds_max=tokens.lifetime_seconds_max,
    )
