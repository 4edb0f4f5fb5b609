"""`cost-analytics token`: prints a bearer token, for curl, for a service or for a test."""

from __future__ import annotations

import argparse
from typing import Final

from cost_analytics import settings
from cost_analytics.commands.options import whole_number

DESCRIPTION: Final = """\
Prints a signed token (HS256) to send as `Authorization: Bearer TOKEN`. It needs JWT_SECRET, the
same as the API's. If the API verifies tokens with other keys, their issuer signs the tokens.

  curl -H "Authorization: Bearer $(cost-analytics token --user alice)" \\
       http://127.0.0.1:8080/api/costs/user/alice/spending
"""
_TTL_SECONDS_MAX: Final = 100 * 366 * 86_400


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the claims of the token."""
    parser.add_argument("--user", required=True, metavar="U", help="the user it is issued to")
    parser.add_argument(
        "--role",
        choices=("user", "admin", "service"),
        default="user",
        help="user: own data; admin: all users' data; service: may send events (default: user)",
    )
    parser.add_argument(
        "--ttl",
        type=whole_number(1, _TTL_SECONDS_MAX),
        default=3600,
        metavar="S",
        help="seconds until it expires, at most JWT_LIFETIME_MAX_SECONDS (default: 3600)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the token and nothing else, for use in a command substitution."""
    from cost_analytics.tokens import mint

    loaded = settings.load("tokens")
    print(mint(loaded.tokens, arguments.user, role=arguments.role, ttl_seconds=arguments.ttl))
    return 0
