"""Delays of repeated commands, and the texts of failed attempts."""

from typing import Any

import pytest

from ledger.commands.results import retry_delay_ms
from streams.commands.requests import CommandResponse, RequestSender
from streams.commands.retell import RetellAccount, RetellReceiver
from streams.commands.routing import CommandRouter
from tests.support.commands import claimed


@pytest.mark.parametrize(("number", "least"), [(1, 1_000), (2, 2_000), (6, 30_000), (50, 30_000)])
def test_delays_grow_to_half_a_minute(number: int, least: int) -> None:
    delays = {retry_delay_ms(number, None) for _ in range(200)}
    assert least <= min(delays) <= max(delays) <= least * 12 // 10
    assert len(delays) > 1


def test_delay_is_never_shorter_than_requested() -> None:
    assert retry_delay_ms(1, 45) == 45_000


@pytest.mark.parametrize(
    ("status", "document", "outcome", "error"),
    [
        (204, None, "executed", None),
        (429, {"message": "Slow down"}, "temporary", "It answered 429: Slow down"),
        (401, None, "temporary", "It answered 401."),
        (503, ["odd"], "temporary", "It answered 503."),
        (302, None, "permanent", "It answered 302."),
        (400, {"errors": [{"title": "Bad\nid"}]}, "permanent", "It answered 400: Bad id"),
    ],
)
def test_result_follows_from_the_response(
    status: int, document: Any, outcome: str, error: str | None
) -> None:
    result = RequestSender("x").result(CommandResponse(status, document, 3), has_ended=False)
    assert (result.outcome, result.target, result.error) == (outcome, "x", error)
    assert result.retry_after_seconds == (3 if outcome == "temporary" else None)


async def test_other_commands_than_cutoffs_are_unsupported_without_a_webhook() -> None:
    retell = RetellReceiver(RetellAccount("https://api.retellai.com", "key"))
    router = CommandRouter({"retell": retell})
    assert router.receiver_of(claimed(provider="Retell")) is retell
    result = router.receiver_of(claimed(provider="retell", kind="warn"))
    assert not isinstance(result, RetellReceiver)
    await router.close()


def test_answer_that_repeats_a_secret_is_stored_without_it() -> None:
    response = CommandResponse(401, {"message": "The key hush-hush is wrong"}, None)
    result = RequestSender("x", hidden=("hush-hush",)).result(response, has_ended=False)
    assert result.error == "It answered 401: The key … is wrong"


def test_secrets_are_not_in_representations() -> None:
    assert "hush" not in repr(RetellAccount("https://api.retellai.com", "hush"))
