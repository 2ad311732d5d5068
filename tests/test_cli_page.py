"""docs/command-line.md says what the command line does."""

import re

from agentd.cli.failures import NEXT_STEPS
from agentd.errors import WIRE_ERRORS
from agentd.states import STATES
from tests.command_line import agentd_here
from tests.daemon_process import REPOSITORY, DaemonProcess
from tests.documents import blocks, quoted, rows, section, text

PAGE = REPOSITORY / "docs" / "command-line.md"
TASK_FILES = REPOSITORY / "docs" / "task-files.md"
LONGEST = 260


def test_its_verbs(shared: DaemonProcess) -> None:
    """The verbs of tasks and nodes are all there, with the arguments that their help has."""
    told = [quoted(row[0])[0] for row in rows(section("Verbs", PAGE))]
    for group in ("task", "node", "limit", "lock"):
        listed = re.findall(
            r"^    (\w+)  ", agentd_here(shared.home, group, "--help").out, re.MULTILINE
        )
        assert [line.split()[2] for line in told if line.split()[1] == group] == listed
    for line in told:
        verb = [word for word in line.split()[1:] if word.islower()]
        arguments = line.split()[1 + len(verb) :]
        usage = " ".join(agentd_here(shared.home, *verb, "--help").out.split("\n\n")[0].split())
        assert usage.endswith(" ".join(arguments))


def test_its_states() -> None:
    """Signs and words are those of the drawings."""
    told = {
        (quoted(sign)[0], quoted(word)[0]) for sign, word, _ in rows(section("A session", PAGE))
    }
    assert told == {(state.sign, state.word) for state in STATES}


def test_its_kinds() -> None:
    """Every kind of failure that is none of the API's is there."""
    table = section("JSON for programs", PAGE).rpartition("`kind` is a word")[2]
    told = {kind for row in rows(table) for kind in quoted(row[0])}
    assert told == set(NEXT_STEPS) - {error.kind for error in WIRE_ERRORS} - {"refused"} | {
        "loop_failed"
    }


def test_its_drawing(shared: DaemonProcess) -> None:
    """The task file's example is drawn as the page says when its first node is done."""
    document, _ = blocks(text(TASK_FILES), "yaml")
    (drawing,) = blocks(section("A session", PAGE), "text")
    registered = agentd_here(shared.home, "task", "register", "-", stdin=document.encode())
    task = registered.out.strip()
    held = agentd_here(shared.home, "node", "acquire", task).out.split()
    assert agentd_here(shared.home, "node", "complete", task, "plan", held[2]).code == 0
    agentd_here(shared.home, "node", "acquire", task, "--owner", "me")
    assert agentd_here(shared.home, "task", "graph", task).out == drawing


def test_it_is_short() -> None:
    """A stranger gets through it."""
    assert len(text(PAGE).splitlines()) <= LONGEST
