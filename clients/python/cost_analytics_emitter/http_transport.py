"""Sends batches of CloudEvents to `POST /api/costs/events`."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from http.client import HTTPResponse
from typing import Final

from cost_analytics_emitter.api_connection import ApiConnection
from cost_analytics_emitter.backoff import retry_after_seconds
from cost_analytics_emitter.events import Event
from cost_analytics_emitter.json_parsing import json_object
from cost_analytics_emitter.transport import Reply

_PATH: Final = "/api/costs/events"
_CONTENT_TYPE: Final = "application/cloudevents-batch+json"
_FINAL_CODES: Final = frozenset({"invalid_json", "invalid_event", "too_old", "too_large"})
"""Codes of events that the server will never accept."""


class HttpTransport:
    """One connection to the API, kept open between batches.

    `token` returns the bearer token of each request. A request takes at most `timeout_seconds`.
    """

    def __init__(
        self, url: str, token: Callable[[], str], timeout_seconds: float, context: ssl.SSLContext
    ) -> None:
        """Raises ValueError for an address that is not http or https."""
        self._connection = ApiConnection(url, token, timeout_seconds, context)

    def send(self, events: Sequence[Event]) -> Reply:
        body = b"[" + b",".join(event.body for event in events) + b"]"
        try:
            return _reply(*self._connection.post(_PATH, body, _CONTENT_TYPE))
        except Exception as error:  # the function of the token may raise anything
            return Reply(message=f"{type(error).__name__}: {error}")

    def close(self) -> None:
        self._connection.close()


def _reply(response: HTTPResponse, content: bytes) -> Reply:
    """Return the result that a response states; a foreign response is a failed attempt."""
    body = json_object(content)
    retry_seconds = retry_after_seconds(response.getheader("Retry-After"))
    if response.status in {200, 202} and body.get("success") is True:
        listed = json_object(body.get("data")).get("accepted")
        references = listed if isinstance(listed, list) else []
        accepted = {str(json_object(reference).get("id")) for reference in references}
        return Reply(accepted=accepted, message="the response does not list all events")
    code, error = str(body.get("code", "")), str(body.get("error", ""))
    message = f"status {response.status} {code or response.reason}: {error}"
    is_final = (response.status == 400 and code in _FINAL_CODES) or response.status == 413
    return Reply(
        refusal=(code or "payload_too_large") if is_final else "",
        message=message,
        retry_seconds=retry_seconds,
    )
