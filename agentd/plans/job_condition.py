"""What a job's `if` of GitHub Actions says of the jobs before it, and what it asks besides.

The rule this file keeps: what is true or false where all of them succeeded is worked out, what they
came to (`needs.build.result`) as well; what else is asked stays as it was written. GitHub takes
large letters for small ones, in what it compares as in what it calls.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentd.plans.conditions import read_condition

_SUCCEEDED = re.compile(r"(?:always|success)\(\s*\)|\btrue\b", re.IGNORECASE)
_FAILED = re.compile(r"(?:failure|cancelled)\(\s*\)|\bfalse\b", re.IGNORECASE)
_JOB = r"needs(?:\.[\w-]+|\[\s*'[^']*'\s*\])\.result"
_ENDED = r"'(success|failure|cancelled|skipped)'"
_RESULT = re.compile(rf"{_JOB}\s*(==|!=)\s*{_ENDED}", re.IGNORECASE)
_ANY_RESULT = re.compile(
    r"contains\(\s*(?:needs\.\*\.result|join\(\s*needs\.\*\.result\s*(?:,\s*'[^']*'\s*)?\))"
    rf"\s*,\s*{_ENDED}\s*\)",
    re.IGNORECASE,
)
_SUCCESS_OF_ONE = re.compile(rf"{_JOB}\s*==\s*'success'", re.IGNORECASE)
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
    """What it says, without the signs that make it an expression.

    Of what is joined by `||` one that is so will do; where each of them asks, all is asked.
    """
    whole = [_all_of(part) for part in _parts(text, "||")]
    held = [each for each in whole if each.holds]
    asked = text.strip() if len(whole) > 1 else whole[0].asked
    if any(not each.asked for each in held):
        asked = ""
    return JobCondition(bool(held), asked, any(each.says_more for each in whole))


def _all_of(text: str) -> JobCondition:
    """What it says whose parts all have to hold."""
    holds, says_more, asked = True, False, []
    for part in _parts(text, "&&"):
        value = _value(part)
        if value is None:
            asked.append(part)
            continue
        holds &= value
        says_more |= part.lower() not in _DEFAULT and not _SUCCESS_OF_ONE.fullmatch(part)
    return JobCondition(holds, " && ".join(asked), says_more)


def _parts(text: str, sign: str) -> Iterator[str]:
    """What is joined by that sign, outside of brackets and texts."""
    began, depth, quoted = 0, 0, False
    for at, each in enumerate(text):
        if not quoted and not depth and text.endswith(sign, began, at):
            yield text[began : at - len(sign)].strip()
            began = at
        if each == "'":
            quoted = not quoted
        elif not quoted and each in "()":
            depth += 1 if each == "(" else -1
    yield text[began:].strip()


def _value(part: str) -> bool | None:
    """Whether it is so where all before has succeeded; None where that is not all it asks."""
    told = _RESULT.sub(
        lambda found: _WORDS[(found[1] == "==") == (found[2].lower() == "success")], part
    )
    told = _ANY_RESULT.sub(lambda found: _WORDS[found[1].lower() == "success"], told)
    told = _FAILED.sub(_WORDS[False], _SUCCEEDED.sub(_WORDS[True], told))
    if not part:
        return True
    if not _ONLY_STATUS.fullmatch(told):
        return None
    try:
        return read_condition(told).holds
    except ValueError:
        return None
