"""The users and the personas of simulated calls."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

DEMO_USER: Final = "demo"
"""The user of `make run`, who always has active calls."""

_NAMES: Final = (
    "alice", "bruno", "carla", "david", "elena", "farid", "grace", "henry", "ines", "jonas",
    "kavya", "liam", "maria", "noah", "olga", "pedro", "quinn", "rosa", "samir", "tara",
)  # fmt: skip


class Persona(NamedTuple):
    """A voice with a character.

    With `split_tokens`, input and output tokens have separate prices, and are reported as the
    quantities of one request.
    """

    id: str
    model: str
    voice: str
    characters_max: int
    split_tokens: bool = False


PERSONAS: Final = (
    Persona("brad_001", "llama3.1-8b", "eleven_turbo_v2_5", 140),
    Persona("sarah_001", "llama3.1-8b", "eleven_turbo_v2_5", 160),
    Persona("maya_001", "llama3.1-70b", "eleven_turbo_v2_5", 120),
    Persona("oliver_001", "llama3.1-8b", "eleven_multilingual_v2", 130),
    Persona("coach_lee_001", "llama3.1-70b", "eleven_turbo_v2_5", 180),
    Persona("nonna_rosa_001", "llama3.1-8b", "eleven_multilingual_v2", 170),
    Persona("detective_kay_001", "llama3.1-405b", "eleven_turbo_v2_5", 150, split_tokens=True),
    Persona("zen_001", "llama3.1-8b", "eleven_turbo_v2_5", 90),
)
_CAMPAIGNS: Final = ("spring_launch", "win_back", "newsletter", "referral")
_AGENT_VERSIONS: Final = ("1.4.0", "1.4.1", "1.5.0-rc1")
_TEAMS: Final = ("sales", "support")
_POPULARITY: Final = (30, 24, 12, 10, 8, 7, 4, 5)


def user_id(index: int) -> str:
    """Return the name of a user by number; number 0 is the demo user."""
    if index == 0:
        return DEMO_USER
    round_number, name = divmod(index - 1, len(_NAMES))
    return f"{_NAMES[name]}-{round_number + 1}" if round_number else _NAMES[name]


def pick_user(rng: Random, users: int) -> str:
    """Return one of the first `users` users; lower numbers are more frequent."""
    return user_id(min(rng.randrange(users), rng.randrange(users)))


def pick_other(rng: Random, users: int) -> str:
    """Return one of the first `users` users except the demo user, if there are others."""
    return user_id(1 + min(rng.randrange(users - 1), rng.randrange(users - 1)) if users > 1 else 0)


def pick_persona(rng: Random) -> Persona:
    """Return a persona; popular ones are more frequent."""
    return rng.choices(PERSONAS, _POPULARITY)[0]


class TagsByEmitter(NamedTuple):
    """The tags that each emitter knows: at the start, of the telephony, and at the end."""

    start: dict[str, str]
    telephony: dict[str, str]
    end: dict[str, str]


def pick_tags(call_id: str) -> TagsByEmitter:
    """Return the tags of a call; a third of the calls has none.

    They follow from the id alone, so that a seed has the same events with and without tags.
    """
    rng = Random(call_id)  # noqa: S311 - reproducible, not secret
    campaign = {"campaign": rng.choice(_CAMPAIGNS)}
    start = campaign | {"agent_version": rng.choice(_AGENT_VERSIONS)}
    end = {"team": rng.choice(_TEAMS)} if rng.randrange(2) else {}
    return TagsByEmitter(start, campaign, end) if rng.randrange(3) else TagsByEmitter({}, {}, {})
