"""The environment of tools that users configure by variables (Maven: mirrors, certificates)."""

import os
from typing import Final

from devkit.embedded.processes import ServerError

_PORT_MAX: Final = 65535


def copy_environment() -> dict[str, str]:
    """Return a copy of our whole environment."""
    return dict(os.environ)


def port_from_environment(default: int) -> int:
    """Return the TCP port in PORT, or `default` if PORT is unset or empty.

    Raises ServerError if PORT is invalid.
    """
    text = os.environ.get("PORT") or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _PORT_MAX):
        raise ServerError(f"PORT={text} is not a port: use a number from 1 to {_PORT_MAX}")
    return int(text)
