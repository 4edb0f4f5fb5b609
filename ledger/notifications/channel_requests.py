"""Requests for notification channels, and refusals of them."""

from __future__ import annotations

from typing import Final, NamedTuple

from schemas.notices import ChannelKind, ChannelType


class ChannelRequest(NamedTuple):
    """A channel to create; the address is in canonical form.

    Without `kinds` it gets the default ones, and an existing channel keeps its own.
    """

    type: ChannelType
    address: str
    kinds: tuple[ChannelKind, ...] | None = None

    @property
    def target(self) -> tuple[ChannelType, str]:
        """What the channel reaches; a user has one channel for it."""
        return self.type, self.address


class ChannelRefusal(NamedTuple):
    """Why a request is refused, and when to retry; or `absent`: the viewer has no such channel."""

    message: str = ""
    after_seconds: int | None = None
    absent: bool = False


ABSENT: Final = ChannelRefusal(absent=True)
