"""Results are stored with retries, and the log names those that could not be stored."""

import logging

import pytest

from streams import retries
from streams.retries import RETRYABLE_ERRORS, store_result


class FailingStore:
    """Fails some times, then stores."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.calls = 0

    async def __call__(self) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            raise ConnectionResetError("the database restarts")


@pytest.fixture(autouse=True)
def few_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "STORE_ATTEMPTS_MAX", 3)


async def test_result_is_stored_after_failures(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore(2)
    await store_result(store, "commands_retry")
    assert store.calls == 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


async def test_lost_result_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore(4)
    await store_result(store, "commands_retry")
    assert store.calls == 3
    assert caplog.records[-1].levelno == logging.ERROR
    assert vars(caplog.records[-1])["action"] == "commands_retry"


async def test_other_errors_are_raised() -> None:
    async def store() -> None:
        raise ZeroDivisionError

    assert not issubclass(ZeroDivisionError, RETRYABLE_ERRORS)
    with pytest.raises(ZeroDivisionError):
        await store_result(store, "commands_retry")
