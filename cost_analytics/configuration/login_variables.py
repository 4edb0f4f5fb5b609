"""Settings of our processes' logins: the address and the password of each."""

from __future__ import annotations

from typing import Final

from cost_analytics.configuration.variable import Variable

_ADDRESSES: Final = {
    "API": "`api`",
    "WORKER": "`worker`",
    "NOTIFICATIONS": "`notices`",
    "MIGRATE": "`migrate`",
    "OPERATOR": "all other commands",
    "ADMIN": "`roles create`, `backup` and `restore`: an administrator of the server",
}


def _password(name: str, user: str) -> Variable:
    if name == "ADMIN":
        meaning = "The administrator's password, where the address has none."
    else:
        meaning = (
            f"What {user} log in with where the address has no password, and what `roles create` "
            "gives the login: at least 12 bytes and 8 different characters, and no repetition "
            "of a shorter text."
        )
    return Variable("database", f"{name}_DATABASE_PASSWORD", "", meaning, secret=True)


LOGIN_VARIABLES: Final = (
    *(
        Variable("database", f"{name}_DATABASE_URL", "", f"`DATABASE_URL` of {user}.", secret=True)
        for name, user in _ADDRESSES.items()
    ),
    Variable(
        "database",
        "RERATE_DATABASE_URL",
        "",
        "The worker's address, for `api`: with it administrators can apply late prices through the "
        "API. Without it that route answers 503, and `prices rerate` does the same.",
        secret=True,
    ),
    *(_password(name, user) for name, user in _ADDRESSES.items()),
)
