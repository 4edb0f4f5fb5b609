"""Every setting, in the order of `docs/settings.md`, from the sections in the modules beside it.

The page is generated from the fields that are read, so it cannot fall behind:
`python -m cost_analytics.configuration.variables >docs/settings.md`.
"""

from __future__ import annotations

from typing import Final

from cost_analytics.configuration.database_section import DATABASE_VARIABLES
from cost_analytics.configuration.tree import SECTIONS
from cost_analytics.configuration.variable import SectionName, Variable

_TITLES: Final[dict[SectionName, str]] = {
    "kafka": "Kafka",
    "database": "PostgreSQL",
    "tokens": "Tokens",
    "api": "The API",
    "limits": "Limits of the API",
    "budget": "Budgets",
    "prices": "Prices",
    "worker": "The worker",
    "retention": "Retention",
    "delivery": "Delivery of alerts to people",
    "anomalies": "Anomalies",
    "dev": "The development instance",
    "logs": "Logs",
}

_ALL: Final = tuple(
    variable._replace(section=name)
    for name in _TITLES
    for variable in (DATABASE_VARIABLES if name == "database" else SECTIONS[name].variables())
)

SECRETS: Final = {variable.name: variable for variable in _ALL if variable.secret}
"""Those that may be in a file, by name."""

VARIABLES: Final = {variable.name: variable for variable in _ALL} | {
    variable.file_name: Variable(variable.file_name, "", "", section=variable.section)
    for variable in SECRETS.values()
}
"""All, by name: those that name the file of a secret, too."""

_HEAD: Final = """\
# Settings

<!-- Made by `python -m cost_analytics.configuration.variables`: edit the sections beside it. -->

All settings are environment variables, read and checked once at start; whatever is wrong with
them is reported together. An empty variable counts as unset. A command looks only at the sections
it needs, so a worker is not given the API's secrets.

`make run` writes the ones it chose to `.local/dev.env`, and every command that is run in the same
directory takes from there what its environment leaves unset. Nothing is mixed: with
`KAFKA_BOOTSTRAP_SERVERS` in the environment no `KAFKA_*` comes from the file, and with a JWT key of
one kind none of another. With any `…DATABASE_URL` in the environment none comes from the file.

Secrets are replaced by stars in every log line. A secret can be in a file instead:
`JWT_SECRET_FILE` names a file with the value of `JWT_SECRET`, and so on for each secret below. The
file is read once at start: UTF-8, one line, at most 64 KiB. A line break at its end is not part of
the secret, and an empty file counts as unset. Only one of the two variables may be set.
"""
_FILE_NOTE: Final = " Secret; or `{}`."


def settings_page() -> str:
    """Return the text of `docs/settings.md`."""
    parts = [_HEAD]
    for section, title in _TITLES.items():
        rows = [
            f"| `{variable.name}` | {f'`{variable.default}`' if variable.default else ''} "
            f"| {variable.meaning}{_FILE_NOTE.format(variable.file_name) * variable.secret} |"
            for variable in _ALL
            if variable.section == section
        ]
        parts.append("\n".join([f"## {title}\n", "| name | default | |", "|---|---|---|", *rows]))
    return "\n\n".join(part.strip() for part in parts) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(settings_page())
