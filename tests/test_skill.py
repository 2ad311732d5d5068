"""The skill for agents: all that it says can be typed, in that order, and means what it says."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from agentd.cli.failures import NEXT_STEPS
from agentd.cli.usage import EXIT_CODES
from agentd.cli.verbs import parser
from agentd.methods import METHODS
from tests.documents import found, quoted, rows, section, text
from tests.skill import SKILL, Agent, line_with, lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_WORDS = 2500
LONGEST_DESCRIPTION = 1024  # what the readers of skills take

WORK = "Work: acquire, heartbeat, complete"
ANSWERS = "Answers, errors and exit codes"


@pytest.fixture
def agent(home: Path) -> Iterator[Agent]:
    """An agent on a machine without a daemon."""
    made = Agent(home)
    yield made
    made.stop()


def commands() -> list[str]:
    """All that begins with `agentd` and a verb, in the blocks and in the text."""
    return [code for code in (*lines(), *quoted(text(SKILL))) if re.match(r"agentd [a-z]", code)]


def in_context(path: str, context: Any) -> Any:
    """What stands at such a path as `node.payload_schema`."""
    return functools.reduce(lambda value, name: value[name], path.split("."), context)


def test_it_can_be_followed(agent: Agent) -> None:
    """Every line works, from a machine without a daemon to the end, and does what is said of it."""
    refused = agent.type(line_with("Health"))
    assert (refused.code, "no socket" in refused.err) == (3, True)
    steps = agent.follow()
    next(steps)  # asks again whether the daemon is there, which it is not
    for line, ended in steps:
        assert (line, ended.code) == (line, 0), ended
        if "--json" in line:
            assert json.loads(ended.out)["ok"] is True
        if "node acquire" in line:
            context = json.loads(ended.out)["data"]["context"]
            for path, _ in rows(section(WORK, SKILL)):
                for name in quoted(path):
                    in_context(name, context)
        if "agentd work" in line:
            assert agent.status()["counts"] == {"COMPLETED": 3}


def test_its_front_matter() -> None:
    """It has the name of its folder, and one line that says when to use it."""
    head = re.match(r"---\nname: (\S+)\ndescription: (.+)\n---\n", text(SKILL))
    assert head
    assert head[1] == SKILL.parent.name
    assert "Use it when" in head[2]
    assert len(head[2]) <= LONGEST_DESCRIPTION


def test_its_length() -> None:
    """It is short enough to be read whole."""
    assert len(text(SKILL).split()) < MOST_WORDS


@pytest.mark.parametrize("command", commands())
def test_its_verbs_exist(command: str) -> None:
    """Every verb that it names is one."""
    words = re.findall(r"^agentd((?: [a-z]+){1,2})", command)[0].split()
    with pytest.raises(SystemExit) as left:
        parser().parse_args([*words, "--help"])
    assert left.value.code == 0


def test_its_methods_exist() -> None:
    """Every method that it names is one."""
    named = set(found(r"\b((?:[A-Z][a-z]+){2,})\b", " ".join((*lines(), *quoted(text(SKILL))))))
    assert named
    assert named <= {method.name for method in METHODS}


def test_its_errors_exist() -> None:
    """Every kind of error that it says what to do about is one."""
    explained = {kind for row in rows(section(ANSWERS, SKILL)) for kind in quoted(row[0])}
    assert explained
    assert explained <= set(NEXT_STEPS)


def test_its_exit_codes_exist() -> None:
    """Every exit code that it explains is one."""
    explained = [int(row[0]) for row in rows(section(ANSWERS, SKILL)) if row[0].isdigit()]
    assert {0, 1, 3} <= set(explained) <= set(map(int, found(r"^  (\d+)  ", EXIT_CODES)))
