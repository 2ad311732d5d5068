"""How a request to the chat endpoint fails.

The rule this file keeps: a failure passes, and is worth another try, or it does not; nobody else
decides that by a status code. What a failure says has been scrubbed of the key before.
"""

from typing import Any


class ChatFailed(Exception):
    """The endpoint gave no answer that is of use. `advice` says what to do next."""

    def __init__(self, message: str, advice: str, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.status = status

    def payload(self) -> dict[str, Any]:
        """What a node that fails because of it keeps."""
        return {"message": self.message, "status": self.status, "next": self.advice}


class PermanentFailure(ChatFailed):
    """It would be the same the next time."""


class TransientFailure(ChatFailed):
    """It may be better the next time; `retry_after` is what the server asked for, in seconds."""

    def __init__(
        self,
        message: str,
        advice: str,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, advice, status)
        self.retry_after = retry_after
