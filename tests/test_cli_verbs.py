"""A verb that there is not, and the help of those that there are."""

import json
from pathlib import Path

import pytest

from tests.command_line import agentd_here
from tests.daemon_process import DaemonProcess

MEANT: list[tuple[str, list[str]]] = [
    ("servee", ["agentd serve"]),
    ("taks", ["agentd task"]),
    ("taks list", ["agentd task list"]),
    ("taks lsit", ["agentd task list"]),
    ("register", ["agentd task register"]),
    ("list tasks", ["agentd task list", "agentd limit list"]),
    ("list limits", ["agentd limit list", "agentd task list"]),
    ("reigster", ["agentd task register"]),
    ("task lsit", ["agentd task list"]),
    ("task acquire", ["agentd node acquire"]),
    ("node call", ["agentd call"]),
    ("task bogus", []),
    ("qwertz", []),
]


@pytest.mark.parametrize(("line", "meant"), MEANT, ids=[line for line, _ in MEANT])
def test_the_verb_that_was_meant(home: Path, line: str, meant: list[str]) -> None:
    """A word that is no verb is a usage error, and names what can be typed, group and verb."""
    ended = agentd_here(home, *line.split())
    assert (ended.code, ended.out) == (2, "")
    last = ended.err.splitlines()[-1]
    assert last.startswith("agentd: there is no verb '")
    assert [word for word in last.split("`") if word in meant] == meant
    assert last.count("did you mean") == bool(meant)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("task list --lmit 3", "unrecognized arguments: --lmit 3 (did you mean `--limit`?)"),
        ("events --folow", "unrecognized arguments: --folow (did you mean `--follow`?)"),
        ("events --bogus", "unrecognized arguments: --bogus; see"),
        ("events watch", "unrecognized arguments: watch; see `agentd events --help`"),
        ("work --all --labl x -- true", "before `--`: --labl x (did you mean `--label`?)"),
    ],
)
def test_the_option_that_was_meant(home: Path, line: str, told: str) -> None:
    """So it is with an option."""
    ended = agentd_here(home, *line.split())
    assert ended.code == 2
    assert told in ended.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "task wait @ --timeout -1s",
            "'-1s' looks like an option: as a value it is `--timeout=-1s`",
        ),
        ("events --grep --x", "'--x' looks like an option: as a value it is `--grep=--x`"),
        ("events --grep --json", "expected one argument; see"),
        ("events --grep", "expected one argument; see"),
    ],
)
def test_a_value_that_looks_like_an_option(home: Path, line: str, told: str) -> None:
    """It is told how such a value is written."""
    ended = agentd_here(home, *line.split())
    assert (ended.code, told in (ended.err + ended.out)) == (2, True)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("task retry --reason r @ a b", "no task is @"),
        ("task retry @ --reason r a b", "no task is @"),
        ("task retry @ a --reason r b", "no task is @"),
        ("task retry @ --failed a", "name the nodes, or give --failed"),
        ("task retry @ --reason r -- -1", "no task is @"),
        ("task retry @ --reason r a --bogus", "unrecognized arguments: a --bogus"),
        ("task budget @ --json usd=5", "no task is @"),
        ("task budget @ --json usd=x", "'usd=x': expected UNIT=AMOUNT"),
    ],
)
def test_arguments_behind_options(shared: DaemonProcess, line: str, told: str) -> None:
    """Those that may be left out, one or many, may stand before an option and behind one."""
    ended = agentd_here(shared.home, *line.replace("@", "@1000").split())
    assert told.replace("@", "@1000") in ended.out + ended.err


def test_the_verb_that_was_meant_is_told_to_programs(home: Path) -> None:
    """With --json it stands in the envelope."""
    ended = agentd_here(home, "taks", "list", "--json")
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["kind"]) == (2, "usage")
    assert "did you mean `agentd task list`?" in error["message"]


@pytest.mark.parametrize("verb", ["", "task", "task list", "work", "call"])
def test_help_is_a_verb(home: Path, verb: str) -> None:
    """`agentd help VERB` shows what `agentd VERB --help` does."""
    ended = agentd_here(home, "help", *verb.split())
    assert ended == agentd_here(home, *verb.split(), "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"usage: agentd {verb}".rstrip())


@pytest.mark.parametrize("words", ["taks", "task lsit", "task list x"])
def test_help_of_no_verb(home: Path, words: str) -> None:
    """It is a usage error, as the verb itself would be."""
    assert agentd_here(home, "help", *words.split()).code == 2
