"""The key of the chat endpoint.

The rule this file keeps: the key leaves this object at one place, the header of a request. Its
`repr` hides it, and whatever a server says goes through `scrub` before anybody sees it, because
servers repeat in their errors what they were sent.
"""

from urllib.parse import quote

from agentd.errors import BadSetting

_HIDDEN = "[key]"


class Secret:
    """A key that is not shown by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def parse(cls, name: str, text: str) -> "Secret":
        """The key in `text`. Raises `BadSetting`, without the text, where it cannot be one."""
        value = text.strip()
        if not value.isascii() or not value.isprintable() or " " in value:
            raise BadSetting(
                f"{name} has a space or a character in it that no key has: copy it again"
            )
        return cls(value)

    def reveal(self) -> str:
        """The key itself: for a header of a request or the environment of a worker."""
        return self._value

    def scrub(self, text: str) -> str:
        """The text without the key, also where a server has escaped it for JSON or a URL."""
        for spelling in (self._value, self._value.replace("/", r"\/"), quote(self._value, safe="")):
            text = text.replace(spelling, _HIDDEN)
        return text

    def __repr__(self) -> str:
        return f"Secret({_HIDDEN!r})"
