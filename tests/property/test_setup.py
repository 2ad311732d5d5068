"""Setting up changes nothing but what is agentd's, whatever the settings are."""

import json
import tomllib
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentd.setup.edit import State
from agentd.setup.refusal import CannotSetUp
from tests import test_setup_toml as toml
from tests.property.strategies import JSON
from tests.setting_up import CLAUDE
from tests.test_setup_diff import diff
from tests.test_setup_json import FORMS, put, states, take

BLOCKS = [
    "# mine\n",
    'model = "gpt"   # the good one\n',
    "\n",
    "[features]\nhooks = true\n",
    '[mcp_servers.other]\ncommand = "x"\nargs = [\n  "a", # first\n]\n',
    "[mcp_servers]\n",
    '[projects."/src/a.b"]\ntrust_level = "trusted"\n',
    "[[rules]]\na = 1\n[[rules]]\na = 2\n",
]


@st.composite
def settings(draw: st.DrawFn) -> Any:
    """Any JSON, the rooms that we use among it, with anything in them."""
    event = st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "matcher": st.sampled_from(["", "Bash"]),
                "hooks": st.lists(st.fixed_dictionaries({"command": st.text(max_size=5)})),
                "other": JSON,
            },
        ),
        max_size=2,
    )
    hooks = st.fixed_dictionaries(
        {}, optional={"SessionStart": event, "PreToolUse": event, "Stop": event}
    )
    sockets = st.lists(st.sampled_from(["/a", "/b", CLAUDE.socket]), max_size=3)
    network = st.fixed_dictionaries({}, optional={"allowUnixSockets": sockets})
    sandbox = st.fixed_dictionaries({}, optional={"network": network, "enabled": st.booleans()})
    servers = st.dictionaries(st.text(max_size=4), JSON, max_size=2)
    known = st.fixed_dictionaries(
        {}, optional={"hooks": hooks, "sandbox": sandbox, "mcpServers": servers, "model": st.text()}
    )
    return draw(known | JSON)


@given(settings(), st.sampled_from(FORMS))
def test_what_is_put_into_json_can_be_taken(value: Any, form: Callable[[Any], str]) -> None:
    """Any document is the same, byte for byte, after it; one that cannot be edited is refused."""
    text = form(value)
    try:
        edit = put(text)
    except CannotSetUp:
        return
    assert take(edit.text, edit.made) == text


@given(settings(), st.sampled_from(FORMS))
def test_putting_in_twice_is_as_once(value: Any, form: Callable[[Any], str]) -> None:
    """The second time everything is there; what was there before still says the same."""
    try:
        once = put(form(value))
    except CannotSetUp:
        return
    twice = put(once.text)
    assert twice.text == once.text
    assert states(twice) == {State.THERE}
    after = json.loads(once.text)
    assert {key: after[key] for key in value if key not in ("hooks", "sandbox", "mcpServers")} == {
        key: value[key] for key in value if key not in ("hooks", "sandbox", "mcpServers")
    }


@given(
    st.lists(st.sampled_from(BLOCKS), max_size=5),
    st.sampled_from(["", toml.SELECTED]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_put_into_toml_can_be_taken(blocks: list[str], first: str, newline: str) -> None:
    """The file is the same, byte for byte, after it; twice is as once."""
    text = (first + "".join(blocks)).replace("\n", newline)
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    edit = toml.put(text)
    assert not text or edit.text.count("\n") == edit.text.count(newline)
    after = tomllib.loads(edit.text)
    assert after["mcp_servers"]["agentd"] == {
        "command": "/opt/bin/agentd",
        "args": ["mcp"],
        "env": {"AGENTD_HOME": "/srv/agentd"},
    }
    assert {**after, "mcp_servers": 0, "permissions": 0} == {
        **before,
        "mcp_servers": 0,
        "permissions": 0,
    }
    assert toml.put(edit.text).text == edit.text
    assert toml.take(edit) == text


@given(*[st.lists(st.sampled_from("abcd"), max_size=8)] * 2)
def test_all_that_changed_is_in_it(before: list[str], after: list[str]) -> None:
    """What goes is what the one has and the other has not, and the other way round."""
    shown = diff("\n".join(before), "\n".join(after))[2:]
    gone = [line[1:] for line in shown if line.startswith("-")]
    come = [line[1:] for line in shown if line.startswith("+")]
    assert sorted(before + come) == sorted(after + gone)
    assert bool(gone or come) == (before != after)
