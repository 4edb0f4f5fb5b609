"""Notification channels of a user and of administrators."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final, TypeVar

from aiohttp import web
from msgspec import UNSET

from api.http.access import CALLER, Access, Route
from api.http.bodies import read_optional_json
from api.http.options import ApiOptions
from api.http.paging import CURSOR, row_number_of
from api.http.problems import Problem, forbidden, invalid_body, rate_limited
from api.http.replies import reply, tagged_reply
from api.openapi.operations import Operation, Tag
from ledger.notifications.addresses import AddressError, canonical_address
from ledger.notifications.channel_requests import ChannelRefusal, ChannelRequest
from ledger.notifications.channels import NEWEST, UserChannels, read_channels
from ledger.notifications.notices import ADMINISTRATORS
from ledger.postgres.viewers import ReaderPool
from schemas.notices import (
    ADMINISTRATORS_KINDS,
    USERS_KINDS,
    Channel,
    ChannelChange,
    ChannelKind,
    Channels,
    Deliveries,
    NewChannel,
    Proof,
    Requested,
    WantedChannel,
)
from schemas.time_zones import time_zones

T = TypeVar("T")

_USERS: Final = "/api/costs/user/{userId}/channels"
_ADMINISTRATORS: Final = "/api/admin/channels"


def _operation(name: str, summary: str, response: type) -> Operation:
    return Operation(name=name, tag=Tag.CHANNELS, summary=summary, response=response)


_LIST: Final = replace(
    _operation("listChannels", "List a user's notification channels", Channels), has_etag=True
)
_CREATE: Final = replace(
    _operation("createChannel", "Create a notification channel", NewChannel),
    body=WantedChannel,
    example={"type": "webhook", "address": "https://example.com/alerts"},
)
_CHANGE: Final = replace(
    _operation("changeChannel", "Change what a notification channel gets", Channel),
    body=ChannelChange,
    example={
        "kinds": ["alert", "anomaly"],
        "quietHours": {"start": "22:00", "end": "07:00", "timezone": None},
    },
)
_REMOVE: Final = _operation("removeChannel", "Delete a notification channel", Channels)
_VERIFY: Final = replace(
    _operation("verifyChannel", "Verify a notification channel by its code", Channel),
    body=Proof,
    example={"code": "123456"},
    optional=True,
)
_TEST: Final = _operation("testChannel", "Send a test message to a channel", Requested)
_DELIVERIES: Final = Operation(
    name="listDeliveries",
    tag=Tag.CHANNELS,
    summary="List a channel's deliveries, newest first",
    response=Deliveries,
    has_etag=True,
    query=(CURSOR,),
)


class ChannelRoutes:
    """The routes of a user's notification channels."""

    def __init__(self, readers: ReaderPool, options: ApiOptions) -> None:
        self._readers = readers
        self._options = options

    def routes(self) -> tuple[Route, ...]:
        of_users = self._routes(_USERS, Access.SELF, lambda operation: operation)
        return of_users + self._routes(_ADMINISTRATORS, Access.ADMIN, _of_administrators)

    def _routes(
        self, path: str, access: Access, rename: Callable[[Operation], Operation]
    ) -> tuple[Route, ...]:
        channel = path + "/{channelId}"
        return (
            Route("GET", path, access, self.list, rename(_LIST)),
            Route("POST", path, access, self.create, rename(_CREATE)),
            Route("PUT", channel, access, self.change, rename(_CHANGE)),
            Route("DELETE", channel, access, self.remove, rename(_REMOVE)),
            Route("POST", channel + "/verify", access, self.verify, rename(_VERIFY)),
            Route("POST", channel + "/test", access, self.test, rename(_TEST)),
            Route("GET", channel + "/deliveries", access, self.deliveries, rename(_DELIVERIES)),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Return all channels."""
        viewer, user_id = request[CALLER].viewer, _owner(request)
        channels = await read_channels(self._readers, viewer, user_id)
        return tagged_reply(request, Channels(channels=channels))

    async def create(self, request: web.Request) -> web.Response:
        """Create a notification channel; returns it with its secret."""
        requested = parse_channel(
            await self._body(request, WantedChannel), self._options, _owner(request)
        )
        async with self._changing(request) as channels:
            created = await channels.create(requested)
        return reply(require_granted(created))

    async def change(self, request: web.Request) -> web.Response:
        """Change the fields in the body, and return the channel."""
        change = await self._body(request, ChannelChange)
        _check_quiet_hours(change)
        if change.kinds is not UNSET:
            _check_kinds(change.kinds, _owner(request))
        async with self._changing(request) as channels:
            changed = await channels.change(_channel_id(request), change)
        return reply(require_granted(changed))

    async def remove(self, request: web.Request) -> web.Response:
        """Delete a notification channel; returns the remaining ones."""
        async with self._changing(request) as channels:
            remaining = await channels.remove(_channel_id(request))
        return reply(Channels(channels=require_granted(remaining)))

    async def verify(self, request: web.Request) -> web.Response:
        """Verify a notification channel by its code; without a code, send a new one."""
        code = (await self._body(request, Proof)).code
        async with self._changing(request) as channels:
            if code is UNSET:
                channel = await channels.request_code(_channel_id(request))
            else:
                channel = await channels.verify(_channel_id(request), code)
        return reply(require_granted(channel))

    async def test(self, request: web.Request) -> web.Response:
        """Send a test message to a channel; returns the id of its delivery."""
        async with self._changing(request) as channels:
            delivery_id = await channels.request_test(_channel_id(request))
        return reply(Requested(delivery_id=require_granted(delivery_id)))

    async def deliveries(self, request: web.Request) -> web.Response:
        """Return the deliveries of a channel with all attempts, newest first."""
        viewer, user_id = request[CALLER].viewer, _owner(request)
        number = row_number_of(request)
        before = NEWEST if number is None else number
        async with self._readers.reading(viewer) as connection:
            channels = UserChannels(connection, viewer, user_id)
            page = await channels.deliveries(_channel_id(request), before)
        return tagged_reply(request, require_granted(page))

    @asynccontextmanager
    async def _changing(self, request: web.Request) -> AsyncIterator[UserChannels]:
        """Open a transaction that may change the channels of the user in the path."""
        viewer = request[CALLER].viewer
        async with self._readers.writing(viewer) as connection:
            yield UserChannels(connection, viewer, _owner(request))

    async def _body(self, request: web.Request, kind: type[T]) -> T:
        return await read_optional_json(request, self._options.limits, kind)


def _of_administrators(operation: Operation) -> Operation:
    """Return the operation with the name for the channels of administrators."""
    name = operation.name.replace("Channel", "AdministratorsChannel")
    return replace(
        operation,
        name=name.replace("Deliveries", "AdministratorsDeliveries"),
        summary=f"{operation.summary}: administrators' channels",
    )


def _owner(request: web.Request) -> str:
    """Return the user of the path; the owner of administrators' channels if there is none."""
    return request.match_info.get("userId", ADMINISTRATORS)


def _check_kinds(kinds: Sequence[ChannelKind], owner: str) -> None:
    """Raise the 400 Problem for a kind that the owner's channels do not get."""
    available = ADMINISTRATORS_KINDS if owner == ADMINISTRATORS else USERS_KINDS
    for kind in kinds:
        if kind not in available:
            whose = "administrators" if owner == ADMINISTRATORS else "users"
            names = ", ".join(sorted(available))
            raise invalid_body(f"`kinds` of channels of {whose} can be {names}; not {kind}.")


def parse_channel(body: WantedChannel, options: ApiOptions, owner: str) -> ChannelRequest:
    """Return the requested channel of an owner; raises the 400 Problem."""
    if body.type not in options.channel_types:
        types = ", ".join(options.channel_types)
        raise invalid_body(f"`type` {body.type} is not set up on this server; it supports {types}.")
    if "\0" in body.address:
        raise invalid_body("`address` contains an invalid character.")
    try:
        address = canonical_address(
            body.type, body.address, allow_private=options.webhook_allow_private
        )
    except AddressError as error:
        raise invalid_body(str(error)) from None
    kinds = None if body.kinds is UNSET else tuple(body.kinds)
    _check_kinds(kinds or (), owner)
    return ChannelRequest(body.type, address, kinds)


def _check_quiet_hours(change: ChannelChange) -> None:
    """Raise the 400 Problem for quiet hours that never end, or an unknown time zone."""
    hours = change.quiet_hours
    if hours is UNSET or hours is None:
        return
    if hours.start == hours.end:
        raise invalid_body("`quietHours` must end at another time than they start.")
    if hours.timezone is not None and hours.timezone not in time_zones():
        raise invalid_body(
            "`quietHours.timezone` must be an IANA time zone such as Europe/Berlin, or null."
        )


def _channel_id(request: web.Request) -> str:
    return request.match_info["channelId"]


def require_granted(result: T | ChannelRefusal) -> T:
    """Return the result; raises the Problem of a refusal."""
    if not isinstance(result, ChannelRefusal):
        return result
    raise problem_of(result)


def problem_of(refusal: ChannelRefusal) -> Problem:
    """Return the Problem of a refusal."""
    if refusal.absent:
        return forbidden()
    if refusal.after_seconds is None:
        return invalid_body(refusal.message)
    problem = rate_limited(refusal.after_seconds)
    problem.message = f"{refusal.message} Retry in {refusal.after_seconds} s."
    return problem
