"""What programs that we start see of our environment: a few harmless names and no secret."""

import os
from typing import Final

_PASSED_ON: Final = ("HOME", "JAVA_HOME", "LD_LIBRARY_PATH", "PATH", "TMPDIR", "TZDIR")


def child_environment(**extra: str) -> dict[str, str]:
    """Return the environment for a program: harmless names, English messages, and `extra`."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed_on, "LC_ALL": "C.UTF-8", **extra}
