"""Continues the trace of a request: its events carry the context to the worker."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from messaging.tracing import Tracer
from schemas.trace_context import HEADER, REQUEST_TRACE, sampled

TRACER: Final = web.AppKey("tracer", Tracer)
"""Key of the application's tracer; missing without tracing."""

_ATTRIBUTE: Final = f"ce-{HEADER}"


@contextmanager
def traced_request(request: web.Request) -> Iterator[None]:
    """Pass the sampled trace context of a request on to what it publishes in the block.

    With a tracer, the request has a span of its own. Without one, the context is passed on as it
    is, so that the worker's spans are part of the emitter's trace.
    """
    context = sampled(request.headers.get(HEADER) or request.headers.get(_ATTRIBUTE))
    if context is None:
        yield
        return
    tracer = request.app.get(TRACER)
    resource = request.match_info.route.resource
    route = "" if resource is None else resource.canonical
    span = None
    if tracer is not None:
        span = tracer.start(
            f"{request.method} {route}",
            "server",
            parent=context,
            at_ns=time.time_ns(),
            attributes={"http.request.method": request.method, "http.route": route},
        )
        context = span.traceparent
    token = REQUEST_TRACE.set(context)
    error: str | None = None
    try:
        yield
    except BaseException as failure:  # whatever it is, it also ends the span
        error = type(failure).__name__
        raise
    finally:
        REQUEST_TRACE.reset(token)
        if span is not None:
            span.end(time.time_ns(), error)
