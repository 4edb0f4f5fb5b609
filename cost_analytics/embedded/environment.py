"""What embedded servers see of our environment, read in this one place.

A server gets a few harmless names and no secret of ours. Only tools that a person sets up by
environment (Maven: mirrors, proxies, certificates) get all of it.
"""

import os
from typing import Final

from cost_analytics.embedded.processes import ServerError

_PASSED_ON: Final = ("HOME", "JAVA_HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZDIR")
_PORT_MAX: Final = 65535


def child_environment(**extra: str) -> dict[str, str]:
    """Return the environment for a server: what it needs of ours, plain English, and `extra`."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed_on, "LC_ALL": "C.UTF-8", **extra}


def whole_environment() -> dict[str, str]:
    """Return a copy of our whole environment."""
    return dict(os.environ)


def wanted_port(default: int) -> int:
    """Return the TCP port in PORT, or `default` where PORT is unset or empty.

    Raises ServerError if PORT is no port.
    """
    text = os.environ.get("PORT") or str(default)
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _PORT_MAX):
        raise ServerError(f"PORT={text} is no port: a number from 1 to {_PORT_MAX} is needed")
    return int(text)
