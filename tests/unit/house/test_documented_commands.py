"""Every command in a document is one that the product understands."""

import json
import re
from itertools import pairwise
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest

from api.openapi.__main__ import api_document
from cost_analytics.cli import parser_of
from tests.support import documented_answers
from tests.support.documented_commands import Block, blocks, commands_of, inline_commands
from tests.support.house import ROOT

OF_BLOCKS: Final = [(block.page, words) for block in blocks() for words in commands_of(block.text)]
COMMANDS: Final = OF_BLOCKS + [
    (block.page, words) for block in inline_commands() for words in commands_of(block.text)
]
OURS: Final = [
    (page, words[1:])
    for page, words in COMMANDS
    if words[0].endswith("cost-analytics") and len(words) > 1
]
REQUESTS: Final = [
    (page, words) for page, words in COMMANDS if words[0] == "curl" and "$API" in " ".join(words)
]
TARGETS: Final = {words[1] for _, words in COMMANDS if words[0] == "make"}
DOCUMENT: Final = api_document()
_VARIABLE: Final = re.compile(r"\{\w+\}")


def test_all_pages_are_read() -> None:
    assert len(OURS) > 60
    assert len(REQUESTS) > 30
    assert len({page for page, _ in OURS}) > 15


@pytest.mark.parametrize(("page", "words"), OURS, ids=[" ".join(words) for _, words in OURS])
def test_command_is_understood(
    page: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence may name the beginning of a command."""
    try:
        parser_of(words[0]).parse_args(words)
    except SystemExit as ended:
        is_sentence = all(words != found[1:] for _, found in OF_BLOCKS)
        is_beginning = "arguments are required" in capsys.readouterr().err
        assert ended.code == 0 or (is_sentence and is_beginning)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_target_of_make_exists(target: str) -> None:
    assert re.search(rf"^{target}:|^[a-z -]* {target}[ :]", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize(("page", "words"), REQUESTS, ids=[" ".join(w)[-70:] for _, w in REQUESTS])
def test_request_has_a_route_and_a_documented_query_and_body(page: str, words: list[str]) -> None:
    options = dict(pairwise(words))
    [url] = [word for word in words if "$API" in word]
    path, _, query = url.partition("$API")[2].partition("?")
    method = options.get("-X", "POST" if "-d" in options else "GET").lower()
    operation = _operation(path, method)
    parameters = {
        one["name"]: one["schema"]
        for one in map(documented_answers.resolved, operation.get("parameters", []))
    }
    for name, value in parse_qsl(query, strict_parsing=bool(query)):
        assert name in parameters
        assert value in parameters[name].get("enum", [value])
    body = options.get("-d")
    if body is not None and not body.startswith("@"):
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        name = schema["$ref"].rpartition("/")[2]
        json.loads(body)
        documented_answers.assert_fits(body.encode(), documented_answers.part(name))


@pytest.mark.parametrize(("page", "words"), REQUESTS, ids=[" ".join(w)[-70:] for _, w in REQUESTS])
def test_token_of_a_request_is_made_on_the_page_of_the_api(page: str, words: list[str]) -> None:
    command = " ".join(words)
    token = re.search(r"Bearer \$(\w+)", command)
    made = re.findall(r"^export (\w+)=", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert token is None or token[1] in made
    assert ("$API/api/admin" in command) == (token is not None and token[1] == "ADMIN_TOKEN")


def _operation(path: str, method: str) -> dict[str, Any]:
    """Return the operation of the route with the fewest variables that a path fits."""
    fitting = [
        route
        for route in DOCUMENT["paths"]
        if re.fullmatch(_VARIABLE.sub("[^/]+", route), path) and method in DOCUMENT["paths"][route]
    ]
    assert fitting, f"{method} {path}"
    found: dict[str, Any] = DOCUMENT["paths"][min(fitting, key=lambda each: each.count("{"))]
    operation: dict[str, Any] = found[method]
    return operation


def test_a_wrong_command_and_a_wrong_request_are_found() -> None:
    [words] = commands_of("A=1 cost-analytics prices lst --all")
    with pytest.raises(SystemExit):
        parser_of(words[1]).parse_args(words[1:])
    with pytest.raises(AssertionError, match="get /api/cost"):
        _operation("/api/cost/user/alice/spending", "get")
    assert list(commands_of(Block("x", "a b | c d >e; F=1 g # h").text)) == [
        ["a", "b"],
        ["c", "d"],
        ["g"],
    ]
