"""Who takes part in simulated calls: the users who phone and the personas who answer."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

DEMO_USER: Final = "demo"
"""The user as whom `make run` signs in; calls of this one are always going on."""

_NAMES: Final = (
    "alice", "bruno", "carla", "david", "elena", "farid", "grace", "henry", "ines", "jonas",
    "kavya", "liam", "maria", "noah", "olga", "pedro", "quinn", "rosa", "samir", "tara",
)  # fmt: skip


class Persona(NamedTuple):
    """A voice with a character. `split_tokens`: its model is priced by input and output."""

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
_POPULARITY: Final = (30, 24, 12, 10, 8, 7, 4, 5)


def user_id(index: int) -> str:
    """Return the name of the user number `index`; number 0 is the demo user."""
    if index == 0:
        return DEMO_USER
    round_number, name = divmod(index - 1, len(_NAMES))
    return f"{_NAMES[name]}-{round_number + 1}" if round_number else _NAMES[name]


def pick_user(rng: Random, users: int) -> str:
    """Return one of the first `users` users; those with low numbers phone more often."""
    return user_id(min(rng.randrange(users), rng.randrange(users)))


def pick_other(rng: Random, users: int) -> str:
    """Return one of the first `users` users but the demo user, unless there is no other."""
    return user_id(1 + min(rng.randrange(users - 1), rng.randrange(users - 1)) if users > 1 else 0)


def pick_persona(rng: Random) -> Persona:
    """Return a persona, the popular ones more often."""
    return rng.choices(PERSONAS, _POPULARITY)[0]
