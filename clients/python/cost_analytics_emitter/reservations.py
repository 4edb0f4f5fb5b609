"""Asks whether a call may cause further costs, before it causes them."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from cost_analytics_emitter.api_connection import ApiConnection
from cost_analytics_emitter.events import exact_json
from cost_analytics_emitter.json_parsing import json_object
from cost_analytics_emitter.tokens import token_function

_IDLE_MAX: Final = 4

_log: Final = logging.getLogger("cost_analytics_emitter")


class Reservation(NamedTuple):
    """The decision. If `granted`, report the cost with `event_id`, which releases the reservation.

    `budget` is what refused: a limit (`daily`, `weekly`, `monthly`, `call`), the prepaid `balance`,
    or `global`, a limit of all users. `remaining` is what is left of it in US dollars.
    `cheaper_model` is a model to use instead, if a budget is nearly used up. `is_decided` is False
    if the server gave no decision: `granted` is then the caller's choice.
    """

    granted: bool
    event_id: str
    reason: str
    budget: str | None = None
    remaining: Decimal | None = None
    cheaper_model: str | None = None
    is_decided: bool = True


class Reserver:
    """Sends requests for reservations, from any event loop."""

    def __init__(
        self, url: str | None, token: str | Callable[[], str] | None, context: ssl.SSLContext
    ) -> None:
        """Without `url` and `token`, each reservation is undecided."""
        self._url, self._context = url, context
        self._token = None if token is None else token_function(token)
        self._idle: list[tuple[float, ApiConnection]] = []
        self._lock = threading.Lock()

    async def reserve(
        self, call_id: str, body: Mapping[str, Any], timeout_seconds: float, if_unavailable: bool
    ) -> Reservation:
        """Return the decision on `body`, which plans one cost. Never raises."""
        event_id = str(body["costs"][0]["id"])
        try:
            # A look-up of a name and the function of the token have no timeout of their own.
            status, response_body = await asyncio.wait_for(
                asyncio.to_thread(self._ask, call_id, body, timeout_seconds), timeout_seconds
            )
        except Exception as error:  # the function of the token may raise anything
            return _undecided(event_id, f"{type(error).__name__}: {error}", if_unavailable)
        data = json_object(response_body.get("data"))
        if status != 200 or type(data.get("granted")) is not bool:
            reason = f"status {status}: {response_body.get('error', 'not a response of the API')}"
            return _undecided(event_id, reason, if_unavailable)
        return Reservation(
            data["granted"],
            event_id,
            str(data.get("reason", "")),
            data.get("budget"),
            _amount(data.get("remaining")),
            json_object(data.get("cheaper")).get("model"),
        )

    def close(self) -> None:
        """Close idle connections; after a fork, those of the parent process."""
        self._lock, idle, self._idle = threading.Lock(), self._idle, []
        for _, connection in idle:
            connection.close()

    def _ask(
        self, call_id: str, body: Mapping[str, Any], timeout_seconds: float
    ) -> tuple[int, dict[str, Any]]:
        connection = self._take(timeout_seconds)
        path = f"/api/costs/call/{quote(call_id, safe='')}/reserve"
        response, content = connection.post(path, exact_json(body).encode(), "application/json")
        with self._lock:
            if len(self._idle) < _IDLE_MAX:
                self._idle.append((timeout_seconds, connection))
                return response.status, json_object(content)
        connection.close()
        return response.status, json_object(content)

    def _take(self, timeout_seconds: float) -> ApiConnection:
        """Return an idle connection with this timeout, or a new one; raises ValueError."""
        if self._url is None or self._token is None:
            raise ValueError("reservations need an emitter with `url` and `token`")
        with self._lock:
            for index, (seconds, connection) in enumerate(self._idle):
                if seconds == timeout_seconds:
                    del self._idle[index]
                    return connection
        return ApiConnection(self._url, self._token, timeout_seconds, self._context)


def _undecided(event_id: str, reason: str, granted: bool) -> Reservation:
    _log.warning(
        "a reservation was not decided: %s", reason, extra={"action": "reservation_undecided"}
    )
    return Reservation(granted, event_id, reason, is_decided=False)


def _amount(value: object) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None


def planned_cost(
    event_id: str,
    source: str,
    amount: object,
    planned: Mapping[str, Any],
    quantities: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return a cost as the API expects it; raises ValueError without an upper bound."""
    if (amount is None) == (quantities is None):
        raise ValueError("give either `amount` or `quantities`")
    cost: dict[str, Any] = {"source": source, "id": event_id}
    if quantities is None:
        return {**cost, "amount": str(amount)}
    usages = [{"unit": unit, "quantity": value} for unit, value in quantities.items()]
    named = {name: value for name, value in planned.items() if value is not None}
    return {**cost, **named, "usages": usages}
