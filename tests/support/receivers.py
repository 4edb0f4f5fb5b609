"""An HTTP endpoint and an SMTP server that follow a script."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import parse_qs

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class ScriptedResponse:
    """An answer of the endpoint."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Action: TypeAlias = ScriptedResponse | Literal["hang", "close"]
OK = ScriptedResponse(200)


@dataclass(frozen=True)
class ReceivedRequest:
    """A complete request, and the action that followed."""

    head: str
    headers: Mapping[str, str]
    body: bytes
    action: Action

    @property
    def accepted(self) -> bool:
        return isinstance(self.action, ScriptedResponse) and 200 <= self.action.status < 300

    @property
    def id(self) -> str:
        """Return the id that identifies repeats."""
        return self.headers.get("webhook-id") or self.headers["idempotency-key"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: value for name, [value] in parse_qs(self.body.decode()).items()}


class HttpReceiver:
    """An HTTP endpoint on this machine that follows its script, then repeats one action."""

    def __init__(
        self,
        script: Iterable[Action] = (),
        then: Action | Callable[[bytes], ScriptedResponse] = OK,
        delay_seconds: float = 0,
    ) -> None:
        """`then` may be a function that answers a body."""
        self.requests: list[ReceivedRequest] = []
        self.connections = 0
        self.port = 0
        self._script = list(script)
        self._then = then
        self._delay_seconds = delay_seconds

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def accepted(self) -> list[ReceivedRequest]:
        return [request for request in self.requests if request.accepted]

    def follow(self, *script: Action) -> None:
        """Answer the next requests as the script says."""
        self._script += script

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            raw = await reader.readuntil(b"\r\n\r\n")
            head, *lines = raw.decode().strip().split("\r\n")
            headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            action = self._script.pop(0) if self._script else self._answer_to(body)
            self.requests.append(ReceivedRequest(head, headers, body, action))
            if action == "hang":
                await reader.read()
            elif isinstance(action, ScriptedResponse):
                await asyncio.sleep(self._delay_seconds)
                writer.write(_answer(action))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has disconnected
        finally:
            writer.close()

    def _answer_to(self, body: bytes) -> Action:
        return self._then(body) if callable(self._then) else self._then


def _answer(action: ScriptedResponse) -> bytes:
    headers = {"Content-Length": str(len(action.body)), "Connection": "close", **action.headers}
    lines = [
        f"HTTP/1.1 {action.status} So",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + action.body


@asynccontextmanager
async def receiver(
    *script: Action,
    then: Action | Callable[[bytes], ScriptedResponse] = OK,
    delay_seconds: float = 0,
) -> AsyncIterator[HttpReceiver]:
    """Serve an endpoint for the length of a block."""
    endpoint = HttpReceiver(script, then, delay_seconds)
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()


class MailServer:
    """An SMTP server (aiosmtpd) that answers mails by a script of replies, then accepts them."""

    def __init__(self, replies: Iterable[str] = (), recipient_replies: Iterable[str] = ()) -> None:
        self.mails: list[EmailMessage] = []
        self.contents: list[bytes] = []
        self.refused: list[EmailMessage] = []
        self.port = 0
        self._replies = list(replies)
        self._recipient_replies = list(recipient_replies)

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self._recipient_replies.pop(0) if self._recipient_replies else "250 OK"
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = cast(bytes, envelope.content)
        self.contents.append(content)
        mail = message_from_bytes(content, policy=default)
        reply = self._replies.pop(0) if self._replies else "250 Taken"
        if reply == "close":
            # The mail was received, and the client gets no answer.
            self.refused.append(mail)
            assert server.transport is not None
            server.transport.close()
            return "421 gone"
        (self.mails if reply.startswith("250") else self.refused).append(mail)
        return reply


@asynccontextmanager
async def mail_server(
    *replies: str, recipient_replies: Iterable[str] = (), **options: Any
) -> AsyncIterator[MailServer]:
    """Serve mail for the length of a block."""
    handler = MailServer(replies, recipient_replies)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="mail.test", loop=loop, **options), "127.0.0.1", 0
    )
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        server.close()
