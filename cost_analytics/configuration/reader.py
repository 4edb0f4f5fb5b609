"""Reads settings out of text, and collects everything that is wrong instead of stopping at once.

Each method returns a usable value even when it notes an error, so that a reader goes on to the next
setting; `cost_analytics.settings` raises all errors together. A message never holds the value of a
variable that may be secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from cost_analytics.configuration.secret import Secret, weakness_of
from cost_analytics.configuration.secret_file import SecretFileError, read_secret_file
from cost_analytics.configuration.variable import Variable
from cost_analytics.configuration.variables import SECRETS, VARIABLES

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_SERVER: Final = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):([0-9]{1,5})")
_LONGEST_SHOWN: Final = 60


class Reader:
    """Reads variables from `values`; `errors` holds a sentence for each that is wrong."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._secrets: dict[str, str | None] = {}
        self.errors: list[str] = []

    def wrong(self, name: str, sentence: str) -> None:
        """Note an error once; `sentence` goes on after the name of the variable."""
        error = f"{name} {sentence}"
        if error not in self.errors:
            self.errors.append(error)

    def is_set(self, name: str) -> bool:
        """Return whether the variable has a value that is not empty."""
        return self._given(name) != ""

    def text(self, name: str) -> str:
        """Return the value, or the default; raises KeyError for a name that is not documented."""
        return self._given(name) or VARIABLES[name].default

    def _given(self, name: str) -> str | None:
        """Return what was given, empty where nothing was; None where it cannot be read."""
        if name not in SECRETS:
            return self._values.get(name, "").strip()
        if name not in self._secrets:
            self._secrets[name] = self._read_secret(SECRETS[name])
        return self._secrets[name]

    def _read_secret(self, variable: Variable) -> str | None:
        """Return a secret from the variable or from its file; None after an error was noted."""
        value = self._values.get(variable.name, "").strip()
        path = self._values.get(variable.file_name, "").strip()
        if not path:
            return value
        if value:
            self.wrong(f"{variable.name} and {variable.file_name}", "are set; give one of them.")
            return None
        try:
            return read_secret_file(path)
        except SecretFileError as error:
            self.wrong(variable.file_name, str(error))
            return None

    def optional(self, name: str) -> str | None:
        """Return the value, or None where it is unset."""
        return self.text(name) or None

    def required(self, name: str, hint: str = "") -> str:
        """Return the value; unset is an error, whose sentence ends with `hint`."""
        value = self.text(name)
        if not self.is_set(name):
            self.wrong(name, f"is not set{hint}.")
        return value

    def secret(self, name: str) -> Secret:
        """Return the value wrapped; empty where it is unset."""
        return Secret(self.text(name))

    def strong_secret(self, name: str, bytes_min: int, way_out: str) -> Secret:
        """Return a secret; one that is easy to guess is an error that ends with `way_out`."""
        secret = self.secret(name)
        weakness = weakness_of(secret.reveal(), bytes_min) if secret else None
        if weakness is not None:
            self.wrong(name, f"{weakness}{way_out}.")
        return secret

    def integer(self, name: str, least: int, most: int) -> int:
        """Return a whole number from `least` to `most`, both included."""
        value = self.text(name)
        if re.fullmatch(r"[0-9]{1,12}", value) and least <= int(value) <= most:
            return int(value)
        self.wrong(name, f"must be a whole number from {least} to {most}, not {_shown(value)}.")
        return least

    def flag(self, name: str) -> bool:
        """Return yes or no."""
        value = self.text(name).lower()
        if value not in _TRUE | _FALSE:
            self.wrong(name, f"must be true or false, not {_shown(value)}.")
        return value in _TRUE

    def choice(self, name: str, options: Sequence[str]) -> str:
        """Return one of `options`, an empty one where unset and without default; any case."""
        value = self.text(name)
        found = next((option for option in options if option.lower() == value.lower()), "")
        if value and not found:
            self.wrong(name, f"must be one of {', '.join(options)}, not {_shown(value)}.")
        return found

    def words(self, name: str) -> tuple[str, ...]:
        """Return what stands between commas, without blanks and empty pieces."""
        return tuple(word for word in map(str.strip, self.text(name).split(",")) if word)

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the networks that stand between commas; one of every address is an error."""
        networks = []
        for word in self.words(name):
            try:
                network = ip_network(word)
            except ValueError:
                self.wrong(name, f"must be networks like 10.0.0.0/8, not {_shown(word)}.")
                continue
            if not network.prefixlen:
                self.wrong(name, f"must not hold every address, as {_shown(word)} does.")
            networks.append(network)
        return tuple(networks)

    def servers(self, name: str, hint: str = "") -> str:
        """Return `host:port` pairs with commas between them; unset is an error."""
        if not self.required(name, hint):
            return ""
        pairs = self.words(name)
        for pair in pairs:
            match = _SERVER.fullmatch(pair)
            if not match or not 0 < int(match[2]) < 65_536:
                self.wrong(name, f"must be host:port, several with commas, not {_shown(pair)}.")
        return ",".join(pairs)

    def file(self, name: str) -> str | None:
        """Return the path of a file that exists, or None where it is unset."""
        path = self.optional(name)
        if path and not Path(path).is_file():
            self.wrong(name, f"names a file that is not there: {_shown(path)}.")
        return path

    def url(self, name: str, schemes: Sequence[str]) -> SplitResult | None:
        """Return the parts of an address with one of `schemes`; None where unset or wrong."""
        value = self.text(name)
        if not value:
            return None
        try:
            parts = urlsplit(value)
            if parts.port == 0:  # raises ValueError itself where it is no number
                raise ValueError(parts.port)
        except ValueError:
            parts = SplitResult("", "", "", "", "")
        if parts.scheme in schemes and parts.hostname:
            return parts
        self.wrong(name, f"must be an address like {schemes[0]}://host.")
        return None


def _shown(value: str) -> str:
    """Quote a value for a message, shortened."""
    if len(value) > _LONGEST_SHOWN:
        value = value[:_LONGEST_SHOWN] + "…"
    return f'"{value}"'
