"""Settings of our processes' logins: an address of each, and passwords for `roles create`."""

from __future__ import annotations

from typing import Final

from cost_analytics.configuration.variable import Variable

_ADDRESSES: Final = {
    "API": "`api`",
    "WORKER": "`worker`",
    "NOTIFICATIONS": "`notices`",
    "MIGRATE": "`migrate`",
    "OPERATOR": "all other commands",
    "ADMIN": "`roles create`: an administrator of the server",
}

LOGIN_VARIABLES: Final = (
    *(
        Variable("database", f"{name}_DATABASE_URL", "", f"`DATABASE_URL` of {user}. Secret.")
        for name, user in _ADDRESSES.items()
    ),
    Variable(
        "database",
        "RERATE_DATABASE_URL",
        "",
        "The worker's address, for `api`: with it administrators can apply late prices through the "
        "API. Without it that route answers 503, and `prices rerate` does the same. Secret.",
    ),
    *(
        Variable(
            "database",
            f"{name}_DATABASE_PASSWORD",
            "",
            f"The password that `roles create` gives the login of {user}. Secret.",
        )
        for name, user in _ADDRESSES.items()
        if name != "ADMIN"
    ),
)
