"""The environment of external programs: a few harmless variables and no secrets."""

import os
from typing import Final

_PASSED_ON: Final = ("HOME", "JAVA_HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZDIR")


def minimal_environment(**extra: str) -> dict[str, str]:
    """Return the environment of an external program: harmless variables, C locale, and `extra`."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed_on, "LC_ALL": "C.UTF-8", **extra}
