"""Each setting is declared once: declared settings are read and documented."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from cost_analytics.configuration.database_section import Login
from cost_analytics.configuration.variable import Need
from cost_analytics.configuration.variables import VARIABLES, settings_page
from cost_analytics.settings import SettingsError, settings_from


def test_settings_page_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == settings_page(), (
        "run: python -m cost_analytics.configuration.variables >docs/settings.md"
    )


class RecordingMapping(dict[str, str]):
    """A mapping that records the keys that were looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


def test_every_documented_setting_is_read_and_no_other() -> None:
    values = RecordingMapping()
    for login in get_args(Login):
        with pytest.raises(SettingsError):
            settings_from(values, *get_args(Need), login=login)
    assert values.read == VARIABLES.keys()


def test_settings_page_has_the_checked_bounds() -> None:
    rows = re.findall(r"^\| `(\w+)` .* (\d+) to (\d+)\. \|$", settings_page(), re.MULTILINE)
    assert len(rows) > 30
    for name, least, most in rows:
        section = VARIABLES[name].section
        needs = () if section == "logs" else (section,)
        for outside in (int(least) - 1, int(most) + 1):
            with pytest.raises(SettingsError) as caught:
                settings_from({name: str(outside)}, *needs)
            expected = f'{name} must be a whole number from {least} to {most}, not "{outside}".'
            assert expected in caught.value.errors
