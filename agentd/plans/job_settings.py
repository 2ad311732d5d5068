"""What a job of GitHub Actions says of how it runs, for each combination of its matrix.

The rule this file keeps: an expression that is a value of the matrix, or else the one that it names
itself, is that value, and one that compares it with another is worked out; any other is listed.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from agentd.plans.builder import Builder
from agentd.plans.matrix import Combination
from agentd.plans.matrix_entry import comparable, is_alike
from agentd.plans.part import Part
from agentd.plans.settings import is_expression, number, timeout

_FIELDS = ("timeout-minutes", "continue-on-error")
_VALUE = r"(true|false|\d+(?:\.\d+)?|'[^']*')"
_OF_MATRIX = re.compile(
    rf"\s*\$\{{\{{\s*matrix\.([\w-]+)\s*(?:(\|\||==|!=)\s*{_VALUE}\s*)?\}}\}}\s*"
)
_FALSY = (b"null", b"false", b"0", b'""')


def job_settings(
    builder: Builder, job: Mapping[str, Part]
) -> Callable[[Combination], Mapping[str, Any]]:
    """The settings of the node of a combination."""
    written = {name: job[name] for name in _FIELDS if name in job}
    if not any(is_expression(part) for part in written.values()):
        settled = _settings(builder, written)
        return lambda _: settled
    return lambda combination: _settings(
        builder, {name: _worked_out(part, combination) for name, part in written.items()}
    )


def _worked_out(part: Part, combination: Combination) -> Part:
    found = _OF_MATRIX.fullmatch(part.text() or "") if part.kind == "a text" else None
    if found is None:
        return part
    value = combination.get(found[1], Part(part.place, Raw(b"null")))
    if found[2] is None:
        return value
    other = Part(part.place, Raw(_in_json(found[3])))
    if found[2] == "||":
        return other if bytes(value.raw) in _FALSY else value
    so = is_alike(comparable(value), comparable(other)) == (found[2] == "==")
    return Part(part.place, Raw(b"true" if so else b"false"))


def _in_json(word: str) -> bytes:
    return msgspec.json.encode(word[1:-1]) if word.startswith("'") else word.encode()


def _settings(builder: Builder, job: Mapping[str, Part]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    minutes = number(builder, job.get("timeout-minutes"), "a number of minutes")
    found.update(timeout(None if minutes is None else minutes * 60))
    goes_on = job.get("continue-on-error")
    if goes_on is None or goes_on.kind == "null":
        return found
    if is_expression(goes_on):
        builder.note(goes_on, "it is an expression: dependents wait until it has completed")
    elif goes_on.truth():
        found["on_failure"] = "continue"
    return found
