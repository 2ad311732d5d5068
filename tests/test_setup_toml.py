"""Entries in Codex' settings: put in, found again, and taken out; comments and order stay."""

import tomllib

import pytest
from msgspec import structs

from agentd.setup import toml_entries as entries
from agentd.setup.edit import Edit, State
from agentd.setup.refusal import CannotSetUp, DoesNotParse
from agentd.setup.wanted import Wanted
from tests.setting_up import CODEX

SELECTED = 'default_permissions = "mine"\n\n[permissions.mine]\nextends = ":workspace"\n'


def put(text: str, wanted: Wanted = CODEX) -> Edit:
    """All that a settings file can hold of ours."""
    edit = entries.put_server(text, wanted)
    return edit.then(entries.put_socket(edit.text, wanted))


def take(edit: Edit, text: str | None = None) -> str:
    """The text without it."""
    left = entries.take_socket(edit.text if text is None else text, CODEX, edit.made).text
    return entries.take_server(left, CODEX, edit.made).text


def test_the_permissions_that_are_selected() -> None:
    """The socket is put into those, beside the sockets of others."""
    others = SELECTED + '[permissions.mine.network.unix_sockets]\n"/run/a" = "allow" # a\n\n[z]\n'
    edit = put(others)
    sockets = tomllib.loads(edit.text)["permissions"]["mine"]["network"]["unix_sockets"]
    assert sockets == {"/run/a": "allow", "/run/agentd.sock": "allow"}
    assert '"/run/a" = "allow" # a\n' in edit.text
    assert take(edit) == others


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "selects none of the file's own permissions"),
        ('default_permissions = ":workspace"\n', "selects none of the file's own permissions"),
        ("[permissions.mine]\n", "selects none of the file's own permissions"),
        (
            SELECTED + '[permissions.mine.network.unix_sockets]\n"/run/agentd.sock" = "deny"\n',
            "says 'deny' of it",
        ),
    ],
)
def test_permissions_are_a_persons_choice(text: str, why: str) -> None:
    """None are made, selected or turned round: that would stop Codex, or open its sandbox."""
    edit = entries.put_socket(text, CODEX)
    assert edit.text == text
    assert [(entry.state, why in entry.note) for entry in edit.entries] == [(State.LEFT, True)]


def test_an_agentd_that_moved() -> None:
    """Its path is replaced; what somebody wrote around it stays."""
    text = (
        '# before\n[mcp_servers.agentd]\ncommand = "/old/agentd" # mine\n'
        'args = ["mcp", "--human"]\n'
        "tool_timeout_sec = 90\n[z]\na = 1\n"
    )
    edit = entries.put_server(text, structs.replace(CODEX, environment={}))
    assert edit.text == text.replace("/old/", "/opt/bin/")
    assert [(e.state, e.note) for e in edit.entries] == [(State.CHANGED, "it ran /old/agentd")]
    assert tomllib.loads(take(edit)) == {"z": {"a": 1}}
    assert take(edit).startswith("# before\n")


def test_what_others_changed_since() -> None:
    """What somebody added to our table goes with it, what they added elsewhere stays."""
    edit = put('model = "x"\n')
    changed = edit.text + 'startup_timeout_sec = 20\n\n[mcp_servers.b] # b\ncommand = "y"\n'
    left = take(edit, changed)
    assert tomllib.loads(left) == {"model": "x", "mcp_servers": {"b": {"command": "y"}}}
    assert "# b" in left


def test_a_server_of_our_name() -> None:
    """One that is another program's is neither overwritten nor taken out."""
    text = '[mcp_servers.agentd]\ncommand = "uvx"\nargs = ["x"]\n'
    with pytest.raises(CannotSetUp, match=r"mcp_servers\.agentd is another program's"):
        put(text)
    assert entries.take_server(text, CODEX, ()).text == text


def test_what_cannot_be_edited() -> None:
    """A table on one line takes no other: that is left to a person."""
    with pytest.raises(CannotSetUp, match="do it by hand"):
        put('mcp_servers = {a = {command = "x"}}\n')


def test_what_does_not_parse() -> None:
    """The place is told."""
    with pytest.raises(DoesNotParse, match="line 2, column 5"):
        put("a = 1\nb = \n")
