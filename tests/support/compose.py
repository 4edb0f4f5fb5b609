"""The file `docker-compose.yml` as Compose reads it without variables; no engine is needed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml

from cost_analytics.configuration.database_section import Login
from cost_analytics.configuration.processes import SERVICES as PROCESSES
from cost_analytics.configuration.variable import Need

ROOT: Final = Path(__file__).parents[2]
TEXT: Final = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

DEFAULT: Final = re.compile(r"\$\{(\w+):-([^}]*)\}")


def interpolated() -> dict[str, Any]:
    """Return the file with the defaults of its variables."""

    def filled(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: filled(inner) for name, inner in part.items()}
        if isinstance(part, list):
            return [filled(inner) for inner in part]
        return DEFAULT.sub(r"\2", part) if isinstance(part, str) else part

    return cast("dict[str, Any]", filled(yaml.safe_load(TEXT)))


FILE: Final = interpolated()
SERVICES: Final[dict[str, dict[str, Any]]] = FILE["services"]
OURS: Final = {name: service for name, service in SERVICES.items() if "build" in service}


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return an environment as a process gets it."""
    return {name: str(value) for name, value in values.items()}


def sections_of(command: str) -> tuple[Need, ...]:
    """Return the sections of the settings that a command reads: of a process, or in its source."""
    if command in _PROCESSES:
        return _PROCESSES[command].needs
    source = ROOT / "cost_analytics" / "commands" / f"{command}.py"
    [arguments] = re.findall(r"settings\.load\(([^)]*)\)", source.read_text(encoding="utf-8"))
    arguments, _, _ = arguments.partition("login=")
    return cast("tuple[Need, ...]", tuple(re.findall(r'"(\w+)"', arguments)))


_PROCESSES: Final = {process.command: process for process in PROCESSES}

LOGINS: Final[dict[str, Login]] = {
    "roles": "admin",
    "operator": "operator",
    "backup": "admin",
    "worker": "worker",
    "notices": "notifications",
    "commands": "notifications",
    "api": "api",
}
"""The database login of each service."""
