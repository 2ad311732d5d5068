"""What an Argo task `depends` on: names of tasks, their outcomes, `&&`, `||`, `!` and brackets.

The rule this file keeps: it is asked whether the condition holds where all that it names has
succeeded. Where it does, waiting for all of them is right, if late; where it does not, the task is
for failures.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

_TOKEN = re.compile(r"\s*(?:(&&|\|\||!|\(|\))|([\w-]+)(?:\.([A-Za-z]+))?)")
_HOLDS = {"", "Succeeded", "AnySucceeded"}
_KNOWN = {*_HOLDS, "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AllFailed"}
_LONGEST = 20_000
"""Characters."""

_DEEPEST = 50
"""Brackets within each other."""


class Condition(NamedTuple):
    """Which tasks it names; whether it holds when all have succeeded; whether it says no more."""

    names: list[str]
    holds: bool
    is_plain: bool


class _Reader:
    """Reads tokens from left to right: `!` before `&&` before `||`."""

    def __init__(self, text: str, absent: Collection[str]) -> None:
        self._tokens = _tokens(text)
        self._absent = absent
        self._at = 0
        self._depth = 0
        self.names: dict[str, None] = {}
        self.is_plain = True

    def whole(self) -> bool:
        value = self._either()
        if self._at < len(self._tokens):
            raise ValueError(f"{self._tokens[self._at][0]!r} is not expected there")
        return value

    def _sign(self, *signs: str) -> bool:
        there = self._at < len(self._tokens) and self._tokens[self._at][0] in signs
        self._at += there
        return there

    def _either(self) -> bool:
        value = self._both()
        while self._sign("||"):
            self.is_plain = False
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._one()
        while self._sign("&&"):
            value = self._one() and value
        return value

    def _one(self) -> bool:
        if self._at >= len(self._tokens):
            raise ValueError("it ends too early")
        if self._sign("!"):
            self.is_plain = False
            return not self._deeper(closing=False)
        if self._sign("("):
            return self._deeper(closing=True)
        sign, name, outcome = self._tokens[self._at]
        if not name:
            raise ValueError(f"{sign!r} is not expected there")
        if outcome not in _KNOWN:
            raise ValueError(f"{outcome!r} is no outcome of a task")
        self._at += 1
        if name in self._absent:
            return outcome == "Omitted"
        self.names.setdefault(name)
        self.is_plain &= outcome in _HOLDS
        return outcome in _HOLDS

    def _deeper(self, *, closing: bool) -> bool:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} deep")
        value = self._either() if closing else self._one()
        if closing and not self._sign(")"):
            raise ValueError("a bracket is not closed")
        self._depth -= 1
        return value


def _tokens(text: str) -> list[tuple[str, str, str]]:
    if len(text) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST:,} characters")
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"{text[at : at + 10]!r} is not expected there")
        found.append((token[1] or "", token[2] or "", token[3] or ""))
        at = token.end()
    return found


def read_condition(text: str, absent: Collection[str] = ()) -> Condition:
    """What it says where the tasks that are `absent` are never done.

    Raises `ValueError`, which says why it is no condition.
    """
    reader = _Reader(text, absent)
    holds = reader.whole()
    return Condition([*reader.names], holds, reader.is_plain)
