"""Checks the settings of each process, and finds misspelt ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from cost_analytics import settings
from cost_analytics.configuration.dev_file import DEV_FILE, DEV_FILE_HINT
from cost_analytics.configuration.processes import SERVICES, Process
from cost_analytics.configuration.tree import Settings
from cost_analytics.diagnosis.check_result import CheckResult, ok, problem, skipped, warning
from cost_analytics.settings import SettingsError

_OPERATOR: Final = Process("operator", "operator", ("kafka", "database"))
"""All commands that are not processes of their own."""
PROCESSES: Final = (_OPERATOR, *SERVICES)

_SUBJECT: Final = "settings"
_UNSET: Final = " is not set"
_REMEDY: Final = "correct it; docs/settings.md describes every setting"


class CheckedSettings(NamedTuple):
    """The valid settings by the command of their process, and what was found."""

    valid: Mapping[str, Settings]
    results: list[CheckResult]


def check_settings(commands: Sequence[str]) -> CheckedSettings:
    """Check the settings of processes; without names, of all that have settings here."""
    valid: dict[str, Settings] = {}
    results: dict[CheckResult, None] = {}  # one that several processes share is shown once
    for process in PROCESSES:
        if commands and process.command not in commands:
            continue
        try:
            valid[process.command] = settings.load(*process.needs, login=process.login)
        except SettingsError as error:
            is_required = bool(commands)
            results |= dict.fromkeys(_errors(process, error.errors, is_required=is_required))
    if valid:
        names = ", ".join(f"`{name}`" for name in valid)
        results[ok(_SUBJECT, f"those of {names} are valid{_from_dev_file()}")] = None
    elif not commands:
        remedy = "set DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS, or use the directory of `make run`"
        results[problem(_SUBJECT, "no process has its settings here", remedy)] = None
    for name, nearest in settings.misspelt().items():
        results[warning(_SUBJECT, f"{name} is not a setting", f"did you mean {nearest}?")] = None
    return CheckedSettings(valid, list(results))


def _errors(process: Process, errors: Sequence[str], *, is_required: bool) -> Iterable[CheckResult]:
    for error in errors:
        # A container has only the settings of its own process.
        if is_required or _UNSET not in error:
            found = error.removesuffix(".").replace(DEV_FILE_HINT, "")
            yield problem(_SUBJECT, found, _REMEDY)
    unset = next((e.partition(_UNSET)[0] + _UNSET for e in errors if _UNSET in e), None)
    if unset is not None and not is_required:
        found = f"`{process.command}` is not checked: {unset}"
        yield skipped(_SUBJECT, found, f"`--process {process.command}` requires its settings")


def _from_dev_file() -> str:
    number = settings.count_from_dev_file()
    return f"; {number} are taken from {DEV_FILE}" if number else ""
