"""Follows the requests of LiveKit's agents: which session made one, what it sent and received.

The metrics of a component name no session, and an interrupted request reports none. Both are known
where an agent calls its component: in `Agent.default`, which nodes of your own call, too. Its
functions are wrapped once in a process. What a request reports is emitted by tasks that it began,
so they find it by a context variable.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from contextvars import ContextVar
from importlib import import_module
from typing import Any, Final, Literal, Protocol, TypeAlias

from cost_analytics_emitter.estimates import count_characters

Kind: TypeAlias = Literal["llm", "stt", "tts"]

_log: Final = logging.getLogger("cost_analytics_emitter")
_current: Final[ContextVar[NodeRequest | None]] = ContextVar("node_request", default=None)


class NodeRequest:
    """What an agent sent to a component and received from it, in one run of a node."""

    def __init__(self, kind: Kind, session: Any, component: Any) -> None:
        self.kind, self.session, self.component = kind, session, component
        self.items: list[Any] = []
        self.tools: list[Any] = []
        self.characters_pushed = self.characters_received = 0
        self.seconds_pushed = 0.0
        self.tier: str | None = None
        self.is_open = self.is_interrupted = True
        self.error: BaseException | None = None
        # Set by the attachment that reports the request.
        self.reports = 0
        self.characters_reported = 0
        self.seconds_reported = 0.0
        self.estimate_id: str | None = None
        self.last_metrics: Any = None

    def receive(self, chunk: Any) -> None:
        """Note a part of a model's reply; never raises."""
        try:
            if isinstance(chunk, str):
                self.characters_received += len(chunk)
                return
            usage, delta = getattr(chunk, "usage", None), getattr(chunk, "delta", None)
            self.tier = getattr(usage, "service_tier", None) or self.tier
            self.characters_received += len(getattr(delta, "content", None) or "")
            for call in getattr(delta, "tool_calls", None) or ():
                self.characters_received += len(call.name) + len(call.arguments)
        except Exception:  # an estimate is not worth a call
            _log.debug("a part of a reply is not counted", exc_info=True)

    def note_report(self, metrics: Any) -> None:
        """Note a metric with usage that the request emitted."""
        self.reports += 1
        self.last_metrics = metrics
        self.characters_reported += getattr(metrics, "characters_count", 0)
        self.seconds_reported += getattr(metrics, "audio_duration", 0.0)

    def characters_sent(self) -> int:
        """Return the number of characters of the conversation and of the tools' descriptions."""
        return characters_of(self.items) + _characters_of_tools(self.tools)


class Listener(Protocol):
    """Handles the begin and the end of requests; never raises."""

    def begin(self, request: NodeRequest) -> None:
        """A request is about to be made."""

    def finish(self, request: NodeRequest) -> None:
        """A request has ended, and what it reports was emitted."""


def current_request() -> NodeRequest | None:
    """Return the request that the running task belongs to."""
    return _current.get()


def characters_of(items: list[Any]) -> int:
    """Return the number of characters of a conversation's items, without images and audio."""
    return sum(count_characters(_texts(item)) for item in items)


def follow_nodes(listener: Listener) -> None:
    """Wrap the nodes of `Agent.default`; raises AttributeError if this version has none."""
    nodes = import_module("livekit.agents").Agent.default
    wraps: dict[str, Callable[[Any, Listener], Any]] = {
        "llm_node": _wrap_llm, "stt_node": _wrap_stt, "tts_node": _wrap_tts
    }  # fmt: skip
    wrapped = {name: wrap(getattr(nodes, name), listener) for name, wrap in wraps.items()}
    for name, node in wrapped.items():
        setattr(nodes, name, staticmethod(node))


def _wrap_llm(original: Any, listener: Listener) -> Any:
    async def llm_node(
        agent: Any, chat_ctx: Any, tools: Any, settings: Any
    ) -> AsyncGenerator[Any, None]:
        request = _begin("llm", agent, listener)
        request.items, request.tools = [*getattr(chat_ctx, "items", ())], [*(tools or ())]
        node = original(agent, chat_ctx, tools, settings)
        async with aclosing(_run(node, request, listener)) as chunks:
            async for chunk in chunks:
                request.receive(chunk)
                yield chunk

    return llm_node


def _wrap_stt(original: Any, listener: Listener) -> Any:
    async def stt_node(agent: Any, audio: Any, settings: Any) -> AsyncGenerator[Any, None]:
        request = _begin("stt", agent, listener)

        async def counted() -> AsyncGenerator[Any, None]:
            async for frame in audio:
                request.seconds_pushed += getattr(frame, "duration", 0.0)
                yield frame

        node = original(agent, counted(), settings)
        async with aclosing(_run(node, request, listener)) as events:
            async for event in events:
                yield event

    return stt_node


def _wrap_tts(original: Any, listener: Listener) -> Any:
    async def tts_node(agent: Any, text: Any, settings: Any) -> AsyncGenerator[Any, None]:
        request = _begin("tts", agent, listener)

        async def counted() -> AsyncGenerator[Any, None]:
            async for token in text:
                request.characters_pushed += len(token)
                yield token

        node = original(agent, counted(), settings)
        async with aclosing(_run(node, request, listener)) as frames:
            async for frame in frames:
                yield frame

    return tts_node


async def _run(node: Any, request: NodeRequest, listener: Listener) -> AsyncGenerator[Any, None]:
    """Pass on what a node yields, and tell how it ended once its streams are closed."""
    try:
        async for one in node:
            yield one
        request.is_interrupted = False
    except Exception as error:  # a failure is not an interruption
        request.error = error
        raise
    finally:
        try:
            await node.aclose()
        finally:
            request.is_open = False
            listener.finish(request)


def _begin(kind: Kind, agent: Any, listener: Listener) -> NodeRequest:
    """Return a new request, the current one of the running task; never raises."""
    session = component = None
    try:
        session = agent.session
        component = component_of(kind, agent, session)
    except Exception:  # the agent reports that it is not running
        _log.debug("an agent has no session", exc_info=True)
    request = NodeRequest(kind, session, component)
    _current.set(request)
    listener.begin(request)
    return request


def component_of(kind: Kind, agent: Any, session: Any) -> Any:
    """Return the component that an agent uses: its own, else that of its session."""
    own = getattr(agent, kind, None)
    # An agent without a component of its own has a falsy object in its place.
    return own if own or own is None else getattr(session, kind, None)


def _texts(item: Any) -> list[Any]:
    return [
        getattr(item, name, None)
        for name in ("text_content", "name", "arguments", "output")
        if isinstance(getattr(item, name, None), str)
    ]


def _characters_of_tools(tools: list[Any]) -> int:
    try:
        context = import_module("livekit.agents.llm").ToolContext(tools)
        return len(json.dumps(context.parse_function_tools("openai"))) if tools else 0
    except Exception:  # tools that only their vendor can describe
        return 0
