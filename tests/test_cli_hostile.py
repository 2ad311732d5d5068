"""What others wrote is text, whichever verb shows it: no terminal obeys it."""

import json
import logging
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentd.cli.database import replay
from agentd.cli.log import FORMATTER
from agentd.cli.usage import Parser
from agentd.cli.verbs import parser
from agentd.text import printable, printable_json
from tests import earlier
from tests.command_line import Ended, agentd, agentd_here, on_a_terminal, on_a_terminal_here
from tests.daemon_process import DaemonProcess, temporary_home

STEERING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Controls, formats (those that turn text round among them), half pairs, what nobody has assigned,
and what ends a line."""

OURS = re.compile(r"\x1b\[[0-9;]*m|\r\x1b\[K|\n")
"""Colours, a progress bar, and the ends of our own lines."""

HOSTILE = "".join(
    c for c in map(chr, range(0xE1000)) if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}
)
"""Every control and format character, and every end of a line."""

OTHERS = "\ue000\u0378\U0010ffff"
SHORT = "\x1b[31m\x7f\x9b\u202e\u2028"
"""What a file's name has room for."""


def steering(ended: Ended) -> set[str]:
    """The characters that reached the terminal and are none of ours."""
    words = OURS.sub("", ended.out + ended.err)
    return {c for c in words if unicodedata.category(c) in STEERING}


# The function


@pytest.mark.parametrize("text", [HOSTILE, OTHERS, SHORT, "\ud800"], ids=range(4))
def test_shown(text: str) -> None:
    """What steers a terminal is spelled out, and what does not is as it was."""
    words = printable(f"a{text}é 漢字 x")
    assert not {c for c in words if unicodedata.category(c) in STEERING}
    assert words.startswith("a\\")
    assert words.endswith("é 漢字 x")
    assert printable(words) == words


def test_every_character_of_unicode() -> None:
    """Of all characters that there are none passes that steers a terminal or is not seen."""
    for number in range(sys.maxunicode + 1):
        kind = unicodedata.category(chr(number))
        plain = kind not in STEERING and (kind != "Zs" or chr(number) == " ")
        assert (printable(chr(number)) == chr(number)) is plain, hex(number)


def test_spaces_are_seen() -> None:
    """A space of another width is no space that a person would type."""
    assert printable("a b\xa0c\u3000") == r"a b\xa0c\u3000"


@pytest.mark.parametrize("text", [HOSTILE, OTHERS, SHORT], ids=range(3))
def test_shown_json(text: str) -> None:
    """JSON stays JSON, and the value stays the same."""
    written = json.dumps({text: [text, 1.5]}, ensure_ascii=False, indent=2)
    words = printable_json(written.encode())
    assert not {c for c in words if unicodedata.category(c) in STEERING} - {"\n"}
    assert json.loads(words) == {text: [text, 1.5]}


def test_shown_json_that_needs_nothing() -> None:
    """Numbers keep their spelling and letters stay letters, and no byte breaks it."""
    assert printable_json(' {"é":1e400,\t"n":1.50}'.encode()) == ' {"é":1e400, "n":1.50}'
    assert printable_json(b'"\xff"') == '"\ufffd"'


# Every verb


class Stage(NamedTuple):
    """A daemon with a task that nobody trusts, and a folder for files."""

    daemon: DaemonProcess
    task: str
    held: tuple[str, str, str]
    folder: Path


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Goal, context, names, payloads, owner, events, result and error are all hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "said").write_text(HOSTILE)
    cycle = [{"name": f"{SHORT}{n}", "dependencies": [f"{SHORT}{1 - n}"]} for n in (0, 1)]
    (folder / "cycle.json").write_text(json.dumps({"goal": HOSTILE, "nodes": cycle}))
    (folder / "faults.json").write_text(
        json.dumps({HOSTILE: 1, "nodes": [{"name": HOSTILE, "dependencies": [HOSTILE]}] * 2})
    )
    (folder / "plan.md").write_text(f"# {NAMED}\n- [\u202e] {NAMED}\n  - [ ] \u202e\n")
    tasks = [{"id": NAMED, "title": HOSTILE, "status": HOSTILE}, {"id": 2, "status": HOSTILE}]
    (folder / "tasks.json").write_text(json.dumps({HOSTILE: 1, NAMED: {"tasks": tasks}}))
    (folder / "issues.jsonl").write_text(
        json.dumps({"id": HOSTILE, "title": HOSTILE, "dependencies": [{"depends_on_id": HOSTILE}]})
    )
    payload = {"name": HOSTILE, HOSTILE: [HOSTILE]}
    nodes = [{"payload_schema": payload}] * 4
    with temporary_home() as home, DaemonProcess(home) as daemon, daemon.connect() as connection:
        task = connection.call("RegisterTask", goal=HOSTILE, context=payload, initial_nodes=nodes)[
            "task_id"
        ]
        for method in ("CompleteNode", "FailNode", "CommitEvent"):
            held = connection.call("AcquireNextNode", task_id=task, lease_owner=HOSTILE)
            lease = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
            more = {"action_type": HOSTILE} if method == "CommitEvent" else {}
            connection.call(method, **lease, **more, payload=payload)
        ids = (held["task_id"], held["node_id"], held["lease_id"])
        yield Stage(daemon, task, ids, folder)


def fresh(stage: Stage) -> str:
    """A task with a node that nobody has, and with a hostile name."""
    nodes = [{"payload_schema": {"name": HOSTILE}}]
    with stage.daemon.connect() as connection:
        made: Any = connection.call("RegisterTask", goal=HOSTILE, initial_nodes=nodes)
    return str(made["task_id"])


def cancelled_before(stage: Stage) -> list[str]:
    """A task that was cancelled for a hostile reason."""
    task = fresh(stage)
    with stage.daemon.connect() as connection:
        connection.call("CancelTask", task_id=task, reason=HOSTILE, by=HOSTILE)
    return [task]


NAMED = "\u202e\u2028name"
"""A node's name has no control characters, but others that steer a terminal."""

LIMIT = f"limit {SHORT}"


def limited(stage: Stage) -> str:
    """A task whose node has a hostile name and label, and a limit that is closed."""
    nodes = [{"name": NAMED, "requires": [SHORT], "limits": [LIMIT]}]
    with stage.daemon.connect() as connection:
        made: Any = connection.call("RegisterTask", goal=HOSTILE, initial_nodes=nodes)
        connection.call("CloseLimit", name=LIMIT, for_secs=9999, reason=HOSTILE)
    return str(made["task_id"])


def used(stage: Stage) -> str:
    """A task and a node that have used of a hostile unit."""
    task = fresh(stage)
    with stage.daemon.connect() as connection:
        held = connection.call("AcquireNextNode", task_id=task)
        which = {name: held[name] for name in ("task_id", "node_id", "lease_id")}
        connection.call("CommitEvent", **which, usage={SHORT: 1, f"{LIMIT} of others": 2.5})
    return task


def waited_for(stage: Stage) -> str:
    """A task with a gate that asks in hostile words, and nothing left of its budget."""
    nodes = [{"name": NAMED, "gate": {"ask": HOSTILE}}, {}]
    with stage.daemon.connect() as connection:
        made = connection.call(
            "RegisterTask", goal=HOSTILE, initial_nodes=nodes, budget={SHORT: 0, LIMIT: 1}
        )
    return str(made["task_id"])


def settings(stage: Stage) -> Path:
    """An agent's settings, hostile beside the place of ours; what comes back is an agentd."""
    folder, program = stage.daemon.home.parent / ".gemini", stage.folder / "agentd"
    folder.mkdir(exist_ok=True)
    there = {HOSTILE: 1, "mcpServers": {HOSTILE: {"command": HOSTILE}}}
    (folder / "settings.json").write_text(json.dumps(there, ensure_ascii=False, indent=1))
    program.touch(mode=0o755)
    return program


def decided(stage: Stage) -> str:
    """A task with a gate that was rejected in hostile words."""
    task = waited_for(stage)
    with stage.daemon.connect() as connection:
        connection.call(
            "DecideGate", task_id=task, node_id=NAMED, decision="reject", by=HOSTILE, note=HOSTILE
        )
    return task


def locked(stage: Stage) -> str:
    """A lock that somebody has, with a hostile key and owner."""
    key = f"file:/{SHORT}*"
    with stage.daemon.connect() as connection:
        connection.ask(
            json.dumps(
                {
                    "id": 1,
                    "method": "AcquireResourceLock",
                    "params": {"resource_key": key, "owner": HOSTILE},
                }
            ).encode()
        )
    return key


SAYS = 'cat "$1"; cat "$1" >&2; exit 1'

STOPS = 'case "$AGENTD_EVENT_KIND" in [A-Z]*_*) ;; *) exit 3 ;; esac'
"""At an event that has none of agentd's own types."""

ENDLESS = ("serve", "mcp", "top", "ui")
"""Verbs that go on until they are stopped; tests/test_top_terminal.py shows `top` this."""

LOGS = ("work",)
"""What is logged in this process is for whoever runs the tests."""

VERBS: dict[str, Sequence[Callable[[Stage], Sequence[object]]]] = {
    "task register": [
        lambda s: [s.folder / "cycle.json"],
        lambda s: [s.folder / "faults.json"],
        lambda s: [s.folder / SHORT],
    ],
    "task add": [
        lambda s: [s.task, s.folder / "cycle.json"],
        lambda s: [s.task, s.folder / SHORT],
        lambda s: [s.task, s.folder / "faults.json", "--dry-run"],
    ],
    "task import": [
        lambda s: [s.folder / "plan.md"],
        lambda s: [s.folder / "plan.md", "--dry-run"],
        lambda s: [s.folder / "tasks.json"],
        lambda s: [s.folder / "issues.jsonl", "--source", HOSTILE[1:]],
        lambda s: [s.folder / SHORT],
        lambda s: [s.folder / "plan.md", "--from", SHORT],
    ],
    "task export": [
        lambda s: [s.task],
        *(lambda s, f=f: [s.task, "--form", f] for f in ("markdown", "json")),
        lambda _: [SHORT],
        lambda s: [s.task, "-o", s.folder / SHORT / SHORT],
    ],
    "task fork": [
        lambda s: [s.task, "--goal", HOSTILE[1:]],
        lambda s: [s.task, "--rerun", SHORT],
        lambda s: [s.task, "--at", SHORT],
    ],
    "add": [lambda s: [s.folder / "cycle.json"]],
    "checkpoint": [lambda _: [SHORT]],
    "task list": [
        lambda _: [],
        lambda _: ["--state", "CANCELLED"],
        lambda _: ["--since", SHORT],
        lambda _: ["--label", SHORT],
    ],
    "task show": [lambda s: [s.task], lambda _: [SHORT], lambda _: ["0"]],
    "task graph": [
        lambda s: [s.task],
        *(lambda s, f=f: [s.task, "--format", f] for f in ("mermaid", "dot", "svg")),
    ],
    "task events": [lambda s: [s.task]],
    "task wait": [cancelled_before, lambda s: [s.task, "--timeout", "0"], lambda _: [SHORT]],
    "task watch": [cancelled_before, lambda _: [SHORT]],
    "task retry": [
        lambda s: [fresh(s), SHORT],
        lambda s: [s.task, s.held[1], "--reason", SHORT, "--by", SHORT],
        lambda s: [s.task],
    ],
    "task cancel": [lambda s: [fresh(s), "--reason", SHORT, "--by", SHORT], cancelled_before],
    "task pause": [lambda s: [fresh(s), "--reason", SHORT], cancelled_before],
    "task resume": [lambda s: [fresh(s)], cancelled_before],
    "task cost": [lambda s: [used(s)], lambda _: [SHORT]],
    "task budget": [
        lambda s: [fresh(s), f"{SHORT}=1", "--none"],
        lambda s: [fresh(s), f"{SHORT}=1"],
        lambda _: ["x", SHORT],
    ],
    "task why": [lambda s: [limited(s)], cancelled_before],
    "task set": [
        lambda s: [limited(s), "--require", SHORT],
        lambda s: [s.task, "--not-before", SHORT],
        lambda s: [s.task, "--retry", SHORT],
        lambda s: [s.task, "--backoff", SHORT, "--attempts", "2"],
    ],
    "node acquire": [lambda s: [s.task, "--owner", SHORT, "--label", SHORT]],
    "node heartbeat": [lambda s: [*s.held], lambda s: [s.task, HOSTILE[1:], s.held[2]]],
    "node commit": [lambda s: [*s.held, "--type", SHORT], lambda s: [*s.held, SHORT]],
    "node complete": [lambda s: [s.task, s.held[1], SHORT]],
    "node fail": [
        lambda s: [s.task, SHORT, s.held[2]],
        lambda s: [*s.held, "--kind", SHORT * 40],
        lambda s: [*s.held, "--retry-after", SHORT],
    ],
    "node release": [
        lambda s: [s.task, SHORT, s.held[2], "--reason", SHORT],
        lambda s: [*s.held[:2]],
        lambda s: [*s.held[:2], "--held-by", SHORT],
    ],
    "node done": [
        lambda s: [*s.held[:2], "--result", SHORT],
        lambda s: [*s.held[:2], "--owner", SHORT],
        lambda s: [limited(s), NAMED],
        lambda s: [s.task, SHORT],
    ],
    "node retry": [lambda s: [s.task, SHORT], lambda s: [s.task, s.held[1]]],
    "node show": [
        lambda s: [*s.held[:2]],
        lambda s: [s.task, SHORT],
        lambda s: [limited(s), NAMED],
    ],
    "node log": [
        lambda s: [*s.held[:2]],
        lambda s: [s.task, SHORT],
        lambda s: [limited(s), NAMED, "--attempt", SHORT],
    ],
    "node why": [
        lambda s: [limited(s), NAMED],
        lambda s: [*cancelled_before(s), HOSTILE[1:]],
        lambda s: [s.task, SHORT],
    ],
    "node set": [
        lambda s: [limited(s), NAMED, "--require", SHORT],
        lambda s: [s.task, SHORT, "--priority", SHORT],
        lambda s: [*s.held[:2], "--limit", SHORT],
    ],
    "limit set": [
        lambda _: [SHORT, "--max-running", "9", "--rate", "9/9"],
        lambda _: [SHORT, "--rate", SHORT],
    ],
    "limit close": [
        lambda s: [limited(s) and LIMIT, "--for", "999", "--reason", HOSTILE[1:], "--by", SHORT],
        lambda _: [SHORT, "--until", SHORT],
        lambda _: [f"none {SHORT}", "--for", "1"],
    ],
    "limit open": [lambda s: [limited(s) and LIMIT], lambda _: [f"none {SHORT}"]],
    "limit list": [lambda s: [limited(s)][:0]],
    "gate list": [
        lambda s: [waited_for(s)][:0],
        lambda s: ["--task", decided(s), "--decided"],
    ],
    "gate show": [lambda s: [waited_for(s), NAMED], lambda s: [decided(s), NAMED]],
    "gate approve": [
        lambda s: [waited_for(s), NAMED, "--note", SHORT, "--by", SHORT],
        lambda s: [decided(s), NAMED],
        lambda s: [*s.held[:2]],
    ],
    "gate reject": [lambda s: [waited_for(s), NAMED], lambda s: [s.task, SHORT]],
    "lock acquire": [
        lambda s: [locked(s)],
        lambda _: [f"file:{SHORT}", "--owner", SHORT],
        lambda _: [SHORT, "--ttl", SHORT],
    ],
    "lock release": [lambda s: [locked(s), s.held[2]], lambda _: [SHORT, SHORT]],
    "lock list": [lambda s: [locked(s)][:0], lambda _: ["--task", SHORT]],
    "lock run": [lambda s: [locked(s), "--", "true"], lambda _: [f"run {SHORT}", "--", SHORT]],
    "work": [
        lambda s: ["--task", fresh(s), "--", "sh", "-c", SAYS, "sh", s.folder / "said"],
        lambda s: ["--task", fresh(s), "--", SHORT],
    ],
    "loop": [lambda s: ["--offline", "--task", s.task], lambda _: ["--goal", SHORT, "--task", "x"]],
    "call": [
        lambda s: ["TaskStatus", json.dumps({"task_id": s.task})],
        lambda _: [SHORT],
        lambda _: ["Health", SHORT],
        lambda _: ["TaskStatus", json.dumps({"task_id": HOSTILE})],
    ],
    "wait-ready": [lambda _: []],
    "status": [lambda _: []],
    "metrics": [lambda s: [limited(s)][:0], lambda _: ["--prometheus"]],
    "events": [
        lambda _: [],
        lambda s: ["--task", s.task, "--kind", SHORT],
        lambda _: ["--grep", "hostile"],
        lambda _: ["--since", SHORT],
        lambda _: ["--task", SHORT],
    ],
    "watch": [
        lambda s: ["--exec", STOPS, "--after", "0", "--task", s.task],
        lambda s: ["--exec", "exit 3", "--cursor", s.folder / SHORT / SHORT],
        lambda _: ["--exec", "exit 3", "--task", SHORT],
    ],
    "inbox": [lambda s: [waited_for(s), limited(s)][:0]],
    "prime": [lambda _: [], lambda _: ["--hook"]],
    "hook tool-use": [lambda _: [SHORT]],
    "hook edit": [lambda _: [SHORT]],
    "service install": [
        lambda _: ["--dry-run", "--program", SHORT],
        lambda _: ["--dry-run", "--workers", f"{SHORT}:cat"],
        lambda _: ["--dry-run", "--program", "/bin/sh", "--workers", f"a:cat {SHORT}"],
    ],
    "service uninstall": [lambda _: ["--dry-run"]],
    "service status": [lambda _: []],
    "service logs": [lambda _: ["--lines", SHORT]],
    "workers": [lambda _: []],
    "replay": [
        lambda _: ["--check"],
        lambda s: ["--until", "99", "--task", s.task],
        lambda _: ["--until", SHORT, "--task", "x"],
    ],
    "rehearse": [
        lambda s: ["--task", s.task],
        lambda s: ["--task", s.task, "--set", f"limit.{SHORT}=1"],
        lambda _: ["--set", SHORT],
        lambda _: ["--task", SHORT],
    ],
    "backup": [lambda s: [s.folder / f"copy{SHORT}"]],
    "restore": [lambda s: [s.folder / f"nothing{SHORT}"]],
    "import-database": [
        lambda s: [s.folder / f"nothing{SHORT}"],
        lambda s: [earlier.hostile(s.folder, SHORT), "--dry-run"],
    ],
    "database init": [lambda _: []],
    "database check": [lambda _: []],
    "database migrate": [lambda _: []],
    "database move": [
        lambda s: [s.folder / f"nothing{SHORT}", s.folder / f"copy{SHORT}.db"],
        lambda s: [s.daemon.home / "agent_state.db", s.folder / f"no{SHORT}" / "copy.db"],
        lambda _: [f"postgresql://{SHORT}", "x"],
    ],
    "database grant-sql": [lambda _: ["agents"], lambda _: [SHORT]],
    "doctor": [lambda _: []],
    "setup": [
        lambda s: ["gemini", "--user", "--program", settings(s)],
        lambda _: ["gemini", "--user", "--undo", "--dry-run"],
        lambda _: [SHORT],
        lambda s: ["claude", "--program", s.folder / SHORT],
    ],
    "skill": [lambda s: ["--install", s.folder / f"skills{SHORT}"]],
    "completion": [lambda _: [SHORT]],
    "help": [lambda _: [SHORT]],
    "complete": [
        lambda _: ["tasks"],
        lambda s: ["nodes", f"agentd node show {s.task}"],
        lambda _: [SHORT],
    ],
}
"""What each verb is run with."""

WITHOUT_JSON = (
    "skill",
    "completion",
    "help",
    "complete",
    "watch",
    "hook tool-use",
    "hook edit",
    "service logs",
)


def every_verb(of: Parser, so_far: str = "") -> Iterator[str]:
    """The verbs that there are, with those below them."""
    groups = [each.choices for each in of._actions if isinstance(each.choices, dict)]  # noqa: SLF001
    for verb, below in groups[0].items() if groups else ():
        yield from every_verb(below, f"{so_far} {verb}".strip())
    if not groups:
        yield so_far


def test_every_verb_is_tried() -> None:
    """A new verb is tried like the others."""
    assert set(every_verb(parser())) == {*VERBS, *ENDLESS}


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_lets_it_through(stage: Stage, verb: str) -> None:
    """On a terminal a person and a program see all that others wrote as text."""
    run = on_a_terminal if verb in LOGS else on_a_terminal_here
    for form in [[], ["--json"]][: 1 if verb in WITHOUT_JSON else 2]:
        for arguments in VERBS[verb]:
            words = [*verb.split(), *form, *map(str, arguments(stage))]
            ended = run(stage.daemon.home, *words)
            assert "Traceback" not in ended.out, ended
            assert ended.out
            assert steering(ended) == set(), ended


# JSON


def test_json_on_a_terminal(stage: Stage) -> None:
    """What `call` and `--json` show there is JSON, and has the same values as in a pipe."""
    asked = ("call", "TaskStatus", json.dumps({"task_id": stage.task}))
    for words in (asked, (*asked, "--json"), ("task", "show", stage.task, "--json")):
        terminal, pipe = (run(stage.daemon.home, *words) for run in (on_a_terminal, agentd_here))
        assert json.loads(terminal.out) == json.loads(pipe.out)
        assert r"\u009b" in terminal.out
        assert "\x9b" in pipe.out


def test_json_in_a_pipe_is_as_it_was_written(shared: DaemonProcess) -> None:
    """Numbers, escapes, spaces and letters of a payload come out byte for byte."""
    written = '{ "n":1e400,"big":' + "9" * 6000 + r',"e":"\u00e9\/é' + '\x9b\x7f\u202e\xa0"}'
    nodes = f'{{"goal":"g","initial_nodes":[{{"payload_schema":{written}}}]}}'
    made = agentd_here(shared.home, "call", "RegisterTask", "-", stdin=nodes.encode())
    task = json.loads(made.out)["task_id"]
    held = agentd_here(shared.home, "node", "acquire", task).out.split("\t")
    done = agentd_here(shared.home, "node", "complete", *held[:3], "-", stdin=written.encode())
    assert done.code == 0, done
    for words in (
        ("call", "TaskStatus", f'{{"task_id":"{task}"}}'),
        ("task", "show", task, "--json"),
    ):
        assert agentd_here(shared.home, *words).out.count(written) == 2
    (shown_,) = agentd_here(shared.home, "task", "show", task).out.split("\n")[:-1]
    assert shown_.split("\t")[-1] == written
    events = agentd_here(shared.home, "task", "events", task).out.split("\n")
    assert events[-2].split("\t")[-1] == f'{{"result":{written}}}'
    assert agentd(shared.home, "task", "show", task, PYTHONIOENCODING="ascii").out == f"{shown_}\n"


def test_json_is_one_field_of_its_line(shared: DaemonProcess) -> None:
    """A tab between the values of a payload is no tab between fields."""
    with shared.connect() as connection:
        made: Any = connection.call("RegisterTask", goal="g", initial_nodes=[{}])
        params = {"task_id": made["task_id"], "node_id": made["node_ids"][0]}
        line = json.dumps({"method": "CommitEvent", "params": {**params, "payload": 0}})
        connection.ask(line.replace('"payload": 0', '"payload": [1,\t2]').encode())
    last = agentd_here(shared.home, "task", "events", made["task_id"], "--last", "1").out
    assert last.rstrip("\n").split("\t")[4:] == ["[1, 2]"]


def test_a_difference_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    """What a check finds may quote the database, and is shown as text."""
    replay._print_differences([f"row {SHORT}"], 0)  # noqa: SLF001 - a database says so only when it is damaged
    told = capsys.readouterr().out
    assert steering(Ended(0, told, "")) == set()
    assert told.startswith(r"row \x1b[31m\x7f")


def test_what_is_logged_is_text() -> None:
    """Whatever a library logs while a verb works is text: a line each, a traceback indented."""
    record = logging.LogRecord("any", logging.ERROR, "", 0, "said %s", (f"{SHORT}\nforged",), None)
    try:
        int(SHORT + "\ud800")
    except ValueError:
        record.exc_info = sys.exc_info()
    first, *traceback = FORMATTER.format(record).split("\n")
    assert first == rf"agentd: said {printable(SHORT)}\nforged"
    assert all(line.startswith("    ") for line in traceback)
    assert steering(Ended(0, "\n".join(traceback), "")) == set()
