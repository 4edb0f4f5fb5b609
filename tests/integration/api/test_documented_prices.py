"""Each price example of docs/api.md gets the documented answer."""

import json
import re
import shlex
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from ledger.recording.batch import Batch
from ledger.repricing.repricer import Repricer
from schemas.cloudevents import Window, decode
from tests.support.api import ApiClient, served_from, token
from tests.support.command import ROOT
from tests.support.events import cost, structured
from tests.support.logins import as_login
from tests.support.recording import BatchWriter

TEXT = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SECTIONS = [part for part in TEXT.split("\n## ") if "/api/admin/prices" in part.partition("\n")[0]]
SECTIONS += [
    part for part in TEXT.split("\n## ") if "admin/charge-plans" in part.partition("\n")[0]
]
EXAMPLE = re.compile(r"^```sh\n(.*?)^```\n+```json\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = [found for section in SECTIONS for found in EXAMPLE.findall(section)]
COUNTED_AT = datetime(2025, 9, 2, 12, tzinfo=UTC)
ADMIN = token("root", role="admin")
MOMENTS = {"verifiedAt", "createdAt", "proposedAt"}


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[ApiClient]:
    async with BatchWriter(database_url) as writer:
        batch = Batch()
        batch.events.append(
            decode(structured(cost(time=COUNTED_AT)), (), Window.around(COUNTED_AT))
        )
        await writer.record(batch)
    async with served_from(
        database_url, repricer=Repricer(as_login(database_url, "worker"))
    ) as api:
        yield api


def request_of(command: str) -> tuple[str, str, bytes | None]:
    """Return method, path and body of a curl command on the page."""
    curl, *words = shlex.split(command.replace("\\\n", " "))
    assert curl == "curl", command
    options = dict(pairwise(words))
    assert options["-H"] == "Authorization: Bearer $ADMIN_TOKEN"
    [path] = [word.removeprefix("$API") for word in words if word.startswith("$API")]
    body = options.get("-d")
    return options.get("-X", "GET"), path, body.encode() if body is not None else None


def without_moments(value: Any) -> Any:
    """Return a body without the times that depend on the request."""
    if isinstance(value, dict):
        return {name: without_moments(one) for name, one in value.items() if name not in MOMENTS}
    return [*map(without_moments, value)] if isinstance(value, list) else value


async def test_each_example_gets_the_documented_answer(api: ApiClient) -> None:
    for command, shown in EXAMPLES:
        method, path, body = request_of(command)
        response = await api.ask(method, path, bearer=ADMIN, body=body)
        expected = json.loads(shown, parse_float=Decimal)
        assert without_moments(response.json) == without_moments(expected), command


def test_each_price_route_has_an_example() -> None:
    routes = {(m, re.sub(r"/\d+/", "/{proposalId}/", p.partition("?")[0])) for m, p, _ in
              (request_of(command) for command, _ in EXAMPLES)}  # fmt: skip
    titles = [title for section in SECTIONS for title in section.partition("\n")[0].split(", ")]
    assert {tuple(title.split(" ")) for title in titles} == routes
