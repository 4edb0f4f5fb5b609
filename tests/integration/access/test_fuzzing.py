"""Requests that schemathesis generates from the OpenAPI document, in each role.

No answer is a server error, each is documented, and none shows data of a user whom the token does
not permit.
"""

import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from multidict import CIMultiDict
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from api.http.options import ApiOptions, RequestLimits
from ledger.postgres.viewers import reader_pool
from ledger.repricing.repricer import Repricer
from tests.support import documented_answers
from tests.support.api import served, token
from tests.support.attacks import AttackRecorder
from tests.support.background_loop import BackgroundLoop
from tests.support.foreign_user import ANOMALY, CALL, USER, shows_foreign_data, write_foreign_user
from tests.support.intake import MemoryEventStream
from tests.support.logins import as_login

UNLIMITED = RequestLimits(
    requests_per_second=None, failures_per_second=None, all_failures_per_second=None
)
ROLES = ("user", "service", "admin")
FEW, MANY = 2, 25
"""Valid and invalid requests to each operation; more of them in `make security`."""

DOCUMENT = documented_answers.openapi_document()
OPERATIONS = [
    found.ok()
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
    if isinstance(found, Ok)
]
IDS = {
    "userId": st.sampled_from(["mallory", USER]),
    "callId": st.sampled_from([CALL, "unknown"]),
    "anomalyId": st.sampled_from([ANOMALY, "unknown"]),
}
"""Known ids: random ones would never name an existing user."""


@dataclass
class FuzzResponse:
    """An answer to a generated request."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


@dataclass
class FuzzResult:
    """The requests of one role, and the answers that are wrong."""

    attempts: int = 0
    refused: int = 0
    flaws: list[str] = field(default_factory=list)


@pytest.fixture
def url(background: BackgroundLoop, database_url: str) -> Iterator[str]:
    """The application over a database, on the loop of the shared servers."""
    stack = AsyncExitStack()

    async def open_all() -> int:
        await write_foreign_user(database_url)
        readers = await stack.enter_async_context(reader_pool(as_login(database_url, "api")))
        api = await stack.enter_async_context(
            served(
                readers,
                ApiOptions(limits=UNLIMITED),
                events=MemoryEventStream(),
                repricer=Repricer(as_login(database_url, "worker")),
            )
        )
        return api.port

    port = background.run(open_all())
    yield f"http://127.0.0.1:{port}"
    background.run(stack.aclose())


def flaw_of(method: str, path: str, sent: Any, role: str, response: FuzzResponse) -> str | None:
    """Return what is wrong with an answer."""
    if response.status >= 500 and not is_foreseen(path, response):
        return f"status {response.status}: {response.body[:200]!r}"
    if role != "admin" and shows_foreign_data(response.body):
        return "shows another user's data"
    try:
        documented_answers.check_answer(method, path, sent, response)
    except Exception as error:  # any failure is reported with its request
        return f"not as documented: {error}"
    return None


def is_foreseen(path: str, response: FuzzResponse) -> bool:
    """Return whether an answer comes from a part that this test lacks: broker, feed, erasure."""
    parts = ("/ready", "/api/costs/live", "/api/admin/users/")
    needs_them = path.startswith(parts) or path.endswith("/recent")
    return response.status == 503 and needs_them


def fuzz(operation: Any, url: str, role: str, mode: GenerationMode, most: int) -> FuzzResult:
    """Send requests to an operation; failures are collected, not raised."""
    found = FuzzResult()
    bearer = token("mallory", role=role)
    ids = {name: IDS[name] | st.none() for name in IDS if f"{{{name}}}" in operation.path}

    @seed(16)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), chosen=st.fixed_dictionaries(ids))
    def send(case: Any, chosen: dict[str, str | None]) -> None:
        for name, value in chosen.items():
            if value is not None:
                case.path_parameters[name] = value
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {bearer}"}
        got = case.call(base_url=url, allow_redirects=False, timeout=30)
        pairs = [(name, text) for name, texts in got.headers.items() for text in texts]
        response = FuzzResponse(got.status_code, CIMultiDict(pairs), got.content)
        body = got.request.body
        sent = (got.request.headers, body.encode() if isinstance(body, str) else body)
        path = str(got.request.path_url)
        found.attempts += 1
        found.refused += response.status >= 400
        flaw = flaw_of(case.method.upper(), path, sent, role, response)
        if flaw is not None:
            found.flaws.append(f"{role} {case.method.upper()} {path} {sent[1]!r}: {flaw}")

    with suppress(Unsatisfiable):  # the request could not be generated
        send()
    return found


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("most", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
def test_generated_requests_get_documented_answers(
    url: str, role: str, most: int, record_attack: AttackRecorder
) -> None:
    assert len(OPERATIONS) == sum(map(len, DOCUMENT["paths"].values()))
    found = [
        fuzz(operation, url, role, mode, most)
        for operation in OPERATIONS
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    ]
    flaws = [flaw for one in found for flaw in one.flaws]
    for flaw in flaws:
        logging.getLogger(__name__).error(flaw)
    record_attack(
        f"fuzzing by schemathesis as {role}",
        attempts=sum(one.attempts for one in found),
        refused=sum(one.refused for one in found),
        breaches=len(flaws),
    )
