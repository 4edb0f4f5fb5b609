"""Parses the text of settings, and collects all errors instead of stopping at the first one.

Each method returns a usable value even after an error, so that the other settings are parsed, too;
`cost_analytics.settings` raises all errors together. No message contains the value of a variable
that may be secret.
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
_SHOWN_CHARACTERS_MAX: Final = 60


class Reader:
    """Parses variables in `values`; `errors` are sentences about invalid ones."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._secrets: dict[str, str | None] = {}
        self.errors: list[str] = []

    def add_error(self, name: str, predicate: str) -> None:
        """Add an error once: the name of the variable, and the rest of the sentence."""
        error = f"{name} {predicate}"
        if error not in self.errors:
            self.errors.append(error)

    def is_set(self, name: str) -> bool:
        """Return whether the variable has a value; an empty one does not count."""
        return self._value(name) != ""

    def text(self, name: str) -> str:
        """Return the value, or the default; raises KeyError for a name that is not documented."""
        return self._value(name) or VARIABLES[name].default

    def _value(self, name: str) -> str | None:
        """Return the value, empty if unset; None if it cannot be read."""
        if name not in SECRETS:
            return self._values.get(name, "").strip()
        if name not in self._secrets:
            self._secrets[name] = self._read_secret(SECRETS[name])
        return self._secrets[name]

    def _read_secret(self, variable: Variable) -> str | None:
        """Return a secret from the variable or from its file; None after an error."""
        value = self._values.get(variable.name, "").strip()
        path = self._values.get(variable.file_name, "").strip()
        if not path:
            return value
        if value:
            self.add_error(
                f"{variable.name} and {variable.file_name}", "are set; give one of them."
            )
            return None
        try:
            return read_secret_file(path)
        except SecretFileError as error:
            self.add_error(variable.file_name, str(error))
            return None

    def optional(self, name: str) -> str | None:
        """Return the value, None if it is unset."""
        return self.text(name) or None

    def required(self, name: str, hint: str = "") -> str:
        """Return the value; if it is unset, add an error that ends with `hint`."""
        value = self.text(name)
        if not self.is_set(name):
            self.add_error(name, f"is not set{hint}.")
        return value

    def secret(self, name: str) -> Secret:
        """Return the value as a secret; an empty one if it is unset."""
        return Secret(self.text(name))

    def strong_secret(self, name: str, bytes_min: int, hint: str) -> Secret:
        """Return a secret; if it is easy to guess, add an error that ends with `hint`."""
        secret = self.secret(name)
        weakness = weakness_of(secret.reveal(), bytes_min) if secret else None
        if weakness is not None:
            self.add_error(name, f"{weakness}{hint}.")
        return secret

    def integer(self, name: str, minimum: int, maximum: int) -> int:
        """Return a whole number from `minimum` to `maximum`, both included."""
        value = self.text(name)
        if re.fullmatch(r"[0-9]{1,12}", value) and minimum <= int(value) <= maximum:
            return int(value)
        self.add_error(
            name, f"must be a whole number from {minimum} to {maximum}, not {_quote(value)}."
        )
        return minimum

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        value = self.text(name).lower()
        if value not in _TRUE | _FALSE:
            self.add_error(name, f"must be true or false, not {_quote(value)}.")
        return value in _TRUE

    def choice(self, name: str, options: Sequence[str]) -> str:
        """Return one of `options`, in any case; empty if unset and without a default."""
        value = self.text(name)
        chosen = next((option for option in options if option.lower() == value.lower()), "")
        if value and not chosen:
            self.add_error(name, f"must be one of {', '.join(options)}, not {_quote(value)}.")
        return chosen

    def items(self, name: str) -> tuple[str, ...]:
        """Return the items of a comma-separated list, without blanks and empty ones."""
        return tuple(item for item in map(str.strip, self.text(name).split(",")) if item)

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return a comma-separated list of networks; a network of all addresses is an error."""
        networks = []
        for item in self.items(name):
            try:
                network = ip_network(item)
            except ValueError:
                self.add_error(name, f"must be networks like 10.0.0.0/8, not {_quote(item)}.")
                continue
            if not network.prefixlen:
                self.add_error(name, f"must not contain all addresses, as {_quote(item)} does.")
            networks.append(network)
        return tuple(networks)

    def servers(self, name: str, hint: str = "") -> str:
        """Return a comma-separated list of `host:port`; unset is an error."""
        if not self.required(name, hint):
            return ""
        pairs = self.items(name)
        for pair in pairs:
            match = _SERVER.fullmatch(pair)
            if not match or not 0 < int(match[2]) < 65_536:
                self.add_error(name, f"must be host:port, separated by commas, not {_quote(pair)}.")
        return ",".join(pairs)

    def file(self, name: str) -> str | None:
        """Return the path of an existing file, None if it is unset."""
        path = self.optional(name)
        if path and not Path(path).is_file():
            self.add_error(name, f"names a file that does not exist: {_quote(path)}.")
        return path

    def url(self, name: str, schemes: Sequence[str]) -> SplitResult | None:
        """Return the parts of an address with one of `schemes`; None if unset or invalid."""
        value = self.text(name)
        if not value:
            return None
        try:
            parts = urlsplit(value)
            if parts.port == 0:  # raises ValueError if it is not a number
                raise ValueError(parts.port)
        except ValueError:
            parts = SplitResult("", "", "", "", "")
        if parts.scheme in schemes and parts.hostname:
            return parts
        self.add_error(name, f"must be an address like {schemes[0]}://host.")
        return None


def _quote(value: str) -> str:
    """Return a value in quotes for a message, truncated."""
    if len(value) > _SHOWN_CHARACTERS_MAX:
        value = value[:_SHOWN_CHARACTERS_MAX] + "…"
    return f'"{value}"'
