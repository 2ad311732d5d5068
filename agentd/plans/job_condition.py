"""What a job's `if` of GitHub Actions says of the jobs before it, and what it asks besides.

The rule this file keeps: what is true or false where all of them succeeded is worked out, what they
came to (`needs.build.result`) as well; what else is asked stays as it was written.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentd.plans.conditions import read_condition

_SUCCEEDED = re.compile(r"(?:always|success)\(\s*\)|\btrue\b")
_FAILED = re.compile(r"(?:failure|cancelled)\(\s*\)|\bfalse\b")
_JOB = r"needs(?:\.[\w-]+|\[\s*'[^']*'\s*\])\.result"
_ENDED = r"'(success|failure|cancelled|skipped)'"
_RESULT = re.compile(rf"{_JOB}\s*(==|!=)\s*{_ENDED}")
_ANY_RESULT = re.compile(
    r"contains\(\s*(?:needs\.\*\.result|join\(\s*needs\.\*\.result\s*(?:,\s*'[^']*'\s*)?\))"
    rf"\s*,\s*{_ENDED}\s*\)"
)
_SUCCESS_OF_ONE = re.compile(rf"{_JOB}\s*==\s*'success'")
_ONLY_STATUS = re.compile(r"(?:[\s()!&|]|\bs\b|\bf\.Failed\b)+")
_WORDS = {True: "s", False: "f.Failed"}
"""What is so and what is not, in the words of `conditions`."""

_DEFAULT = ("success()", "true", "")


class JobCondition(NamedTuple):
    """Whether it can hold where all has succeeded; what else has to; whether it says more."""

    holds: bool
    asked: str
    says_more: bool


def read_job_condition(text: str) -> JobCondition:
    """What it says, without the signs that make it an expression."""
    holds, says_more, asked = True, False, []
    for part in _parts(text):
        value = _value(part)
        if value is None:
            asked.append(part)
            continue
        holds &= value
        says_more |= part not in _DEFAULT and not _SUCCESS_OF_ONE.fullmatch(part)
    return JobCondition(holds, " && ".join(asked), says_more)


def _parts(text: str) -> Iterator[str]:
    """What is joined by `&&`, outside of brackets and texts."""
    began, depth, quoted = 0, 0, False
    for at, sign in enumerate(text):
        if not quoted and not depth and text.endswith("&&", began, at):
            yield text[began : at - 2].strip()
            began = at
        if sign == "'":
            quoted = not quoted
        elif not quoted and sign in "()":
            depth += 1 if sign == "(" else -1
    yield text[began:].strip()


def _value(part: str) -> bool | None:
    """Whether it is so where all before has succeeded; None where that is not all it asks."""
    told = _RESULT.sub(lambda result: _WORDS[(result[1] == "==") == (result[2] == "success")], part)
    told = _ANY_RESULT.sub(lambda result: _WORDS[result[1] == "success"], told)
    told = _FAILED.sub(_WORDS[False], _SUCCEEDED.sub(_WORDS[True], told))
    if not part:
        return True
    if not _ONLY_STATUS.fullmatch(told):
        return None
    try:
        return read_condition(told).holds
    except ValueError:
        return None
