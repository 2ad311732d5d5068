"""Links that let a browser in, and the cookies that it gets in their place.

The rule this file keeps: a link is good once and for some minutes, a cookie for as long as this
server runs. Neither is kept as it is: only what it hashes to.
"""

import hashlib
import secrets
import time
from collections.abc import Callable

LINK_SECONDS = 600.0
"""For how long a link is good."""

_BYTES = 32
_MOST_LINKS = 100
"""Links that are good at a time: the oldest make room."""


class Links:
    """The links that were made and not used."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: dict[bytes, float] = {}

    def make(self) -> str:
        """The token of a new link."""
        token = secrets.token_urlsafe(_BYTES)
        while len(self._ends) >= _MOST_LINKS:
            del self._ends[next(iter(self._ends))]
        self._ends[_hash(token)] = self._clock() + LINK_SECONDS
        return token

    def use(self, token: str) -> bool:
        """Whether it is good; it is so no more."""
        ends = self._ends.pop(_hash(token), None)
        return ends is not None and self._clock() < ends


class Cookies:
    """The browsers that were let in, each by the cookie that it was given."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()

    def make(self) -> str:
        """A new one."""
        cookie = secrets.token_urlsafe(_BYTES)
        self._known.add(_hash(cookie))
        return cookie

    def is_known(self, cookie: str) -> bool:
        """Whether it was given to somebody."""
        return _hash(cookie) in self._known


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()
