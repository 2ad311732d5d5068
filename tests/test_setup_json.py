"""Entries in somebody's JSON settings: put in, found again, and taken out."""

import json
from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest

from agentd.setup import json_entries as entries
from agentd.setup import json_text
from agentd.setup.edit import Edit, State
from agentd.setup.refusal import CannotSetUp, DoesNotParse, HasComments
from agentd.setup.wanted import Wanted
from tests.setting_up import CLAUDE, SOMEBODYS, commands

OTHER = Wanted("/usr/bin/agentd", CLAUDE.socket, {}, is_typed=True, hooks=CLAUDE.hooks)
FORMS: list[Callable[[Any], str]] = [
    json.dumps,
    lambda value: json.dumps(value, separators=(",", ":")),
    lambda value: json.dumps(value, indent=2) + "\n",
    lambda value: json.dumps(value, indent=4).replace("\n", "\r\n"),
    lambda value: json.dumps(value, indent="\t"),
]


def put(text: str, wanted: Wanted = CLAUDE) -> Edit:
    """All that a settings file can hold of ours."""
    steps = (entries.put_server, entries.put_hooks, entries.put_socket)
    return reduce(lambda edit, step: edit.then(step(edit.text, wanted)), steps, Edit(text))


def take(text: str, made: tuple[json_text.Place, ...], wanted: Wanted = CLAUDE) -> str:
    """The text without it."""
    steps = (entries.take_socket, entries.take_hooks, entries.take_server)
    return reduce(lambda left, step: step(left, wanted, made).text, steps, text)


def states(edit: Edit) -> set[State]:
    """What was done, in short."""
    return {entry.state for entry in edit.entries}


def test_what_is_put_in() -> None:
    """The server, a group of our own for each event, the socket behind those of others."""
    after = json.loads(put(json.dumps(SOMEBODYS)).text)
    assert after["mcpServers"] == {
        "agentd": {"type": "stdio", "command": "/opt/bin/agentd", "args": ["mcp"]}
    }
    assert commands(after, "SessionStart") == ["mine --x", "/opt/bin/agentd prime --hook"]
    assert commands(after, "PostToolUse") == ["/opt/bin/agentd hook tool-use"]
    assert commands(after, "PreToolUse") == ["lint", "/opt/bin/agentd hook edit"]
    assert after["hooks"]["PreToolUse"][2]["matcher"] == "Edit|Write|MultiEdit|NotebookEdit"
    assert after["sandbox"]["network"]["allowUnixSockets"] == ["/run/docker.sock", CLAUDE.socket]


def test_it_looks_like_its_neighbours() -> None:
    """It has the file's indent; what was on one line stays there."""
    text = '{\n\t"mcpServers": {"a": {"command": "x"}},\n\t"hooks": {}\n}\n'
    assert put(text).text.startswith(
        '{\n\t"mcpServers": {"a": {"command": "x"}, "agentd": {"type": "stdio",'
        ' "command": "/opt/bin/agentd", "args": ["mcp"]}},\n\t"hooks": {\n\t\t"SessionStart": [\n'
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value",
    [{"a": {}}, {"a": 1, "mcpServers": {}}, {"mcpServers": {"x": {"command": "x", "args": []}}}],
)
def test_it_looks_like_the_rest(value: Any, form: Callable[[Any], str]) -> None:
    """Whoever wrote the document, with lines, spaces or none, might have written it so."""
    put_in = entries.put_server(form(value), CLAUDE).text
    assert put_in == form(json.loads(put_in))


def test_an_agentd_that_moved() -> None:
    """Another agentd's path is replaced, and what somebody added beside it stays."""
    edit = put("{}", OTHER)
    mine = json.loads(edit.text)
    mine["mcpServers"]["agentd"] |= {"args": ["mcp", "--human"], "timeout": 9}
    mine["hooks"]["SessionStart"][0]["matcher"] = "startup"
    moved = put(json.dumps(mine))
    after = json.loads(moved.text)
    assert after["mcpServers"]["agentd"] == {
        "type": "stdio",
        "command": "/opt/bin/agentd",
        "args": ["mcp", "--human"],
        "timeout": 9,
    }
    assert after["hooks"]["SessionStart"][0]["matcher"] == "startup"
    assert "/usr/bin/agentd" not in moved.text
    assert moved.entries[0].note == "it ran /usr/bin/agentd"
    assert states(moved) == {State.CHANGED, State.THERE}


def test_only_our_handler_is_taken() -> None:
    """The group into which somebody put others stays, and so do its neighbours."""
    edit = put("{}")
    mine = json.loads(edit.text)
    mine["hooks"]["SessionStart"][0]["hooks"].append({"type": "command", "command": "theirs"})
    mine["mcpServers"]["theirs"] = {"command": "x"}
    mine["sandbox"]["network"]["allowUnixSockets"].insert(0, "/theirs")
    assert json.loads(take(json.dumps(mine), edit.made)) == {
        "mcpServers": {"theirs": {"command": "x"}},
        "hooks": {
            "SessionStart": [{"matcher": "", "hooks": [{"type": "command", "command": "theirs"}]}]
        },
        "sandbox": {"network": {"allowUnixSockets": ["/theirs"]}},
    }


def test_without_a_record_containers_stay() -> None:
    """What cannot be known to be ours is left: empty containers, and the socket."""
    left = json.loads(take(put("{}").text, ()))
    assert left == {
        "mcpServers": {},
        "hooks": {"SessionStart": [], "PostToolUse": [], "PreToolUse": []},
        "sandbox": {"network": {"allowUnixSockets": [CLAUDE.socket]}},
    }


@pytest.mark.parametrize(
    "server",
    [
        {"command": "npx", "args": ["another"]},
        {"command": "/usr/bin/agentd", "args": ["serve"]},
        {"url": "https://example.net/mcp"},
        "agentd",
    ],
)
def test_a_server_of_our_name(server: Any) -> None:
    """One that is another program's is neither overwritten nor taken out."""
    text = json.dumps({"mcpServers": {"agentd": server}})
    with pytest.raises(CannotSetUp, match=r"mcpServers\.agentd is another program's"):
        put(text)
    assert take(text, (("mcpServers",),)) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "its content is a list, and has to be an object"),
        ('{"hooks": []}', "its hooks is a list, and has to be an object"),
        ('{"hooks": {"PreToolUse": {}}}', "its hooks.PreToolUse is a dict, and has to be an array"),
        ('{"sandbox": {"network": 3}}', "its sandbox.network is a int, and has to be an object"),
        ('{"mcpServers": null}', "its mcpServers is null"),
    ],
)
def test_settings_of_another_shape(text: str, told: str) -> None:
    """They are refused with the place that is at fault."""
    with pytest.raises(DoesNotParse, match=told.replace(".", r"\.")):
        put(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": 1,\n "b" 2}', "it is no JSON: line 2, column 6"),
        ("{" * 100_000, "it is no JSON"),
        ("nope", "line 1, column 1"),
    ],
)
def test_what_does_not_parse(text: str, told: str) -> None:
    """The place is told."""
    with pytest.raises(DoesNotParse, match=told):
        json_text.parse(text)


@pytest.mark.parametrize(
    "text", ['{"a": 1, // note\n "b": "//"}', '{"a": [1, 2,],\n}', '/* x */ {"a": "/* no */"}']
)
def test_comments_are_known(text: str) -> None:
    """JSON with comments or trailing commas is not called broken."""
    with pytest.raises(HasComments):
        json_text.parse(text)


def test_a_string_that_looks_like_a_comment() -> None:
    """Is none."""
    assert json_text.parse('{"a": "// no", "b": "/*"}') == {"a": "// no", "b": "/*"}


def test_a_group_that_names_its_handlers_twice() -> None:
    """The last of them counts, for its harness and for us: nobody else's is taken out."""
    ours = json.dumps(CLAUDE.group(CLAUDE.hooks[0])["hooks"])
    theirs = '[{"type": "command", "command": "theirs"}]'
    group = f'{{"matcher": "", "hooks": {ours}, "hooks": {theirs}}}'
    text = f'{{"hooks": {{"SessionStart": [{group}]}}}}'
    assert entries.take_hooks(text, CLAUDE, ()).text == text
    assert entries.put_hooks(text, CLAUDE).entries[0].state is State.ADDED
