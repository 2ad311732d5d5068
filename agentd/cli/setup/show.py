"""What was planned or done, as it is shown: a diff for people, lines for programs.

The rule this file keeps: what stands in somebody's settings is text, shortened and printable, and
their secrets are not shown; of a file on one line the diff is of the same, indented.
"""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agentd.cli.screen import console, is_terminal, plain_text, print_fields
from agentd.setup.edit import State
from agentd.setup.files import Change, decode
from agentd.setup.look import Looked
from agentd.setup.plan import Planned
from agentd.text import printable

_CONTEXT = 1
_LONGEST = 400
"""Characters of a line that are shown."""

_MASKED = 4 * _LONGEST
"""Characters in which secrets are looked for: of what is cut they may be many."""

_ONE_LINE = 1000
"""Characters of a line that nobody wrote by hand."""

_NAME = (
    r"[\w.-]*(?:token|key|secret|passw|pwd|auth|credential|cookie|(?<![a-z])pat(?![a-z]))[\w.-]*"
)
_TEXT = r"""(?:"{3}.*|'{3}.*|"(?:[^"\\]|\\.)*"?|'[^']*'?)"""
_SECRETS = (
    (re.compile(rf"""((?<![\w.-]){_NAME}["']?\s*[:=,]\s*){_TEXT}""", re.IGNORECASE), r'\1"***"'),
    (re.compile(rf"""((?<![\w-])--?{_NAME}[ =])[^\s"',]+""", re.IGNORECASE), r"\1***"),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/-]{6,}=*", re.IGNORECASE), r"\1 ***"),
    (re.compile(r"\b(sk-|gh[a-z]_|github_pat_|glpat-|xox[a-z]-|AKIA|eyJ)[\w.-]{8,}"), r"\1***"),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), r"\1***@"),
)
"""What others keep in such files beside ours: a diff may be read by an agent, or end in a log."""

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def print_plan(planned: Sequence[Planned]) -> None:
    """The diffs, then a line for each file."""
    for each in planned:
        _print_diff(each)
    for each in planned:
        told = "; ".join(_entry_words(each))
        if is_terminal():
            screen = console()
            screen.print(plain_text(f"{action(each)}  {each.change.path}"), soft_wrap=True)
            if told:
                screen.print(plain_text(f"  {told}"), soft_wrap=True)
        else:
            print_fields(action(each), each.change.path, told)


def action(planned: Planned) -> str:
    """What is done to a file, in a word."""
    change = planned.change
    if change.before == change.after:
        return "left" if any(e.state is State.LEFT for e in planned.entries) else "unchanged"
    if change.before is None:
        return "created"
    return "removed" if change.after is None else "changed"


def plan_data(planned: Sequence[Planned], copies: dict[Path, Path]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "path": str(each.change.path),
            "action": action(each),
            "entries": each.entries,
            "copy": str(copies[each.change.path]) if each.change.path in copies else None,
            "diff": "".join(f"{line}\n" for line in diff_lines(each.change)),
        }
        for each in planned
    ]


def print_looked(looked: Sequence[Looked]) -> None:
    """A line for each entry: whether it is in place."""
    for each in looked:
        state, why = _state(each), each.problem or each.note
        if is_terminal():
            words = f"{state:5} {each.path}: {each.entry}"
            told = f"{words}: {why}" if why else words
            console().print(plain_text(told, "red" if each.problem else ""), soft_wrap=True)
        else:
            print_fields(state, each.path, each.entry, why)


def _state(looked: Looked) -> str:
    if looked.problem:
        return "gone"
    return "left" if looked.note else "ok"


def diff_lines(change: Change) -> Iterator[str]:
    """The unified diff of a file, without ends of lines."""
    if change.before == change.after:
        return
    before, after = _lines(change, change.before), _lines(change, change.after)
    old, new = (
        "/dev/null" if content is None else str(change.path)
        for content in (change.before, change.after)
    )
    same = max(_same_lines(before, after) - _CONTEXT, 0)
    end = max(_same_lines(before[:same:-1], after[:same:-1]) - _CONTEXT, 0)
    before, after = before[same : len(before) - end], after[same : len(after) - end]
    for line in difflib.unified_diff(before, after, old, new, n=_CONTEXT, lineterm=""):
        shown = _without_secrets(printable(_shifted(line, same))[:_MASKED])
        yield shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ..."


def _without_secrets(line: str) -> str:
    for secret, instead in _SECRETS:
        line = secret.sub(instead, line)
    return line


def _same_lines(before: Sequence[str], after: Sequence[str]) -> int:
    """How many lines are the same from the start on: difflib takes a minute for 10 MB of them."""
    pairs = zip(before, after, strict=False)
    differ = (number for number, (old, new) in enumerate(pairs) if old != new)
    return next(differ, min(len(before), len(after)))


def _shifted(line: str, lines: int) -> str:
    """A line of a diff of what stands so many lines further down."""
    if not line.startswith("@@ "):
        return line
    return re.sub(r"(?<=[-+])\d+", lambda found: str(int(found[0]) + lines), line)


def _lines(change: Change, content: bytes | None) -> list[str]:
    text = decode(change.path, content)
    lines = text.splitlines()
    if change.path.suffix == ".json" and any(len(line) > _ONE_LINE for line in lines):
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()
    return lines


def _print_diff(planned: Planned) -> None:
    if planned.is_whole:  # all of it ours, and long: `agentd skill` prints it
        return
    screen = console() if is_terminal() else None
    for line in diff_lines(planned.change):
        if screen is None:
            print(line)
        else:
            colour = "bold" if line.startswith(("+++", "---")) else _COLOURS.get(line[:1], "")
            screen.print(plain_text(line, colour), soft_wrap=True)


def _entry_words(planned: Planned) -> Iterator[str]:
    for entry in planned.entries:
        yield f"{entry.name} {entry.state}" + (f" ({entry.note})" if entry.note else "")
