"""Loads named SQL statements from `.sql` files; a capability keeps its file beside its modules.

A file contains statements, each with a header `-- name: some_name` and a comment that describes it.
A statement names its parameters, `:call_id`; they become `$1`, `$2` … when the file is loaded. A
parameter with an array type, `:call_ids::text[]`, takes any sequence of values; that cast is the
one way to pass an array (`ledger.postgres.arrays`). `:viewer` is the signed viewer, which a
`ReaderPool` passes after all others.

A header `-- fragment: some_name` begins a part that statements share. They insert it by
`{{some_name}}`, or by `{{topic.some_name}}` from another file; its parameters become theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from ledger.postgres.arrays import Encode, array_encoder, array_expression

_VIEWER: Final = "viewer"
_HEADER: Final = re.compile(r"^-- (name|fragment): (\w+)$", re.MULTILINE)
_DESCRIPTION: Final = re.compile(r"\A(?:--[^\n]*\n|\s)+")
_TOKEN: Final = re.compile(
    r"""
    --[^\n]*                                          # comments, texts and quoted names stay
    | /\*(?:(?!/\*).)*?\*/
    | (?<!\w)[Ee]'(?:[^'\\]|\\.|'')*'
    | '[^']*'
    | "[^"]*"
    | (?<![\w$])\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$
    | (?P<unclosed>/\*|'|")
    | (?<![\w$])(?P<numbered>\$\d+)
    | \{\{(?P<fragment>[\w/.]+)\}\}
    | (?<![:\w]):(?P<name>[A-Za-z_]\w*)               # no cast, no slice of an array
      (?:::(?P<array>\w+)\[\])?
    """,
    re.VERBOSE | re.DOTALL,
)


class Statement(NamedTuple):
    """A statement with numbered parameters, and their names in order.

    `encoders` are those of array parameters, each with the index of its parameter, from 0.
    """

    text: str
    parameters: tuple[str, ...] = ()
    encoders: tuple[tuple[int, Encode], ...] = ()


class Statements(Mapping[str, str]):
    """Statements by name."""

    def __init__(self, statements: Mapping[str, Statement]) -> None:
        self._statements = dict(statements)

    def __getitem__(self, name: str) -> str:
        return self._statements[name].text

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)

    def statement(self, name: str) -> Statement:
        """Return a statement with the names of its parameters, in order."""
        return self._statements[name]

    def bind(self, name: str, /, **values: Any) -> tuple[Any, ...]:
        """Return a statement's text and its arguments, for `connection.fetch(*…)`.

        Raises TypeError unless exactly the parameters of the statement have values.
        """
        text, parameters, encoders = self._statements[name]
        arguments = [values[parameter] for parameter in parameters if parameter in values]
        if not len(arguments) == len(parameters) == len(values):
            expected, given = ", ".join(parameters), ", ".join(values)
            raise TypeError(f"the statement {name} takes ({expected}), not ({given})")
        for index, encode in encoders:
            arguments[index] = encode(arguments[index])
        return (text, *arguments)


def parse(text: str) -> dict[str, Statement]:
    """Split the text of a file into statements by name, with their fragments inserted.

    Raises ValueError for a repeated name, for a fragment that does not exist or contains itself,
    and for a statement that cannot be translated.
    """
    bodies, fragments = _split(text)
    return {name: translate(_insert(body, fragments)) for name, body in bodies.items()}


def _split(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts of statements and of fragments, by name."""
    _, *parts = _HEADER.split(text)
    kinds, names, bodies = parts[::3], parts[1::3], [body.strip() for body in parts[2::3]]
    if len(set(names)) != len(names):
        raise ValueError("two SQL statements or fragments have the same name")
    named = list(zip(kinds, names, bodies, strict=True))
    return (
        {name: body for kind, name, body in named if kind == "name"},
        {name: _DESCRIPTION.sub("", body) for kind, name, body in named if kind == "fragment"},
    )


def _insert(text: str, fragments: Mapping[str, str], within: tuple[str, ...] = ()) -> str:
    """Insert the fragments that a text names; `fragments` are those of its file."""

    def fragment(token: re.Match[str]) -> str:
        reference = token["fragment"]
        if not reference:
            return token[0]
        topic, _, name = reference.rpartition(".")
        available = _fragments(topic) if topic else fragments
        if name not in available:
            raise ValueError(f"there is no fragment {reference}")
        if reference in within:
            raise ValueError(f"the fragment {reference} contains itself")
        return _insert(available[name], available, (*within, reference))

    return _TOKEN.sub(fragment, text)


def translate(text: str) -> Statement:
    """Number the named parameters of a statement, in the order of their first use.

    Raises ValueError for an unclosed text or comment, for nested comments, for a numbered
    parameter, and for a parameter that is an array in some places only.
    """
    names = dict.fromkeys(token["name"] for token in _TOKEN.finditer(text) if token["name"])
    parameters = tuple(name for name in names if name != _VIEWER)
    placeholders = {
        name: f"${number}" for number, name in enumerate((*parameters, _VIEWER), start=1)
    }
    types: dict[str, str | None] = {}

    def replace(token: re.Match[str]) -> str:
        if unclosed := token["unclosed"]:
            raise ValueError(f"{unclosed} is not closed, or comments are nested: {text}")
        if numbered := token["numbered"]:
            raise ValueError(f"{numbered} has no name: {text}")
        if not (name := token["name"]):
            return token[0]
        array = token["array"]
        if types.setdefault(name, array) != array:
            raise ValueError(f":{name} is an array of one type in some places only: {text}")
        return array_expression(placeholders[name], array) if array else placeholders[name]

    translated = _TOKEN.sub(replace, text)
    arrays = ((index, types[name]) for index, name in enumerate(parameters))
    encoders = tuple((index, array_encoder(array)) for index, array in arrays if array)
    return Statement(translated, parameters, encoders)


@cache
def statements(topic: str) -> Statements:
    """Return the statements of a file by name.

    `operations/gaps` is `ledger/operations/gaps.sql`.
    """
    return Statements(parse(_text(topic)))


@cache
def _fragments(topic: str) -> Mapping[str, str]:
    return _split(_text(topic))[1]


def _text(topic: str) -> str:
    return (files("ledger") / f"{topic}.sql").read_text(encoding="utf-8")
