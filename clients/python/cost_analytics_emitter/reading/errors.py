"""The error of a failed read."""

from __future__ import annotations


class ApiError(Exception):
    """A failed read.

    `status` is 0 if there was no response. `code` is the API's, such as `forbidden`, or
    `unreachable`, or `invalid_answer` for a response that is not the API's. `retry_seconds` is how
    long the server asks to wait.
    """

    def __init__(self, status: int, code: str, message: str, retry_seconds: float = 0) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.retry_seconds = retry_seconds

    @property
    def is_retryable(self) -> bool:
        """Whether the same read may succeed later."""
        return self.status in {0, 408, 429} or self.status >= 500
