"""No text takes more than linear time: what comes from others is read as fast as it is long."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from agentd.api import TaskStatusResult, TaskView
from agentd.cli.task.graph import svg
from agentd.config.envfile import env_file
from agentd.decoding import decode
from agentd.documents.document import read_document
from agentd.errors import BadSetting, RequestRefused
from agentd.logfilter import parse_filter
from agentd.loop import completion
from agentd.loop.agents import AGENTS
from agentd.loop.chat import ChatAnswer
from agentd.loop.failures import ChatFailed
from agentd.loop.handler import artifact_text
from agentd.loop.retries import retry_after
from agentd.protocol import Request, RequestParser
from agentd.worker.output import LineSplitter

SHORT, TIMES = (500, 4_000), 8
"""Bytes of texts, and how many times as long others are."""

MOST = 2.5**3
"""Times the time that it may take: 2.5 for each doubling. Quadratic is 64."""

NOISE = 0.001
"""Seconds that are too few to tell."""

Reader = Callable[[str], object]


def in_crumbs(feed: Callable[[bytes], object], text: str) -> None:
    """Feed the text three bytes at a time."""
    data = text.encode()
    for at in range(0, len(data), 3):
        feed(data[at : at + 3])


def called(method: str, params: bytes) -> Reader:
    """Call a method with params in which the text is a string."""

    def reader(text: str) -> object:
        return decode(Request(b"1", method, Raw(params % msgspec.json.encode(text))))

    return reader


CODER = next(agent for agent in AGENTS.values() if agent.file.endswith(".py"))

READERS: dict[str, Reader] = {
    "a line": lambda text: RequestParser().feed(text.encode() + b"\n"),
    "a line in crumbs": lambda text: in_crumbs(RequestParser().feed, text),
    "params": lambda text: decode(Request(b"1", "RegisterTask", Raw(text.encode()))),
    "a method": lambda text: decode(Request(b"1", text, Raw(b"{}"))),
    "an id": called("TaskStatus", b'{"task_id":%b}'),
    "a prefix": called("ListTasks", b'{"prefix":%b}'),
    "a field": called("CompleteNode", b"{%b:1}"),
    "a field of a node": called("RegisterTask", b'{"goal":"g","initial_nodes":[{%b:1}]}'),
    "a log filter": lambda text: parse_filter("AGENTD_LOG", text),
    "a log filter of others": lambda text: parse_filter("RUST_LOG", text),
    "a document in JSON": lambda text: read_document(text.encode(), "it", "json"),
    "a document in YAML": lambda text: read_document(
        f"goal: g\ncontext: {text}".encode(), "it", "yaml"
    ),
    "a command's output": lambda text: in_crumbs(LineSplitter().feed, text),
    "a completion": lambda text: completion.parse_completion(text.encode(), str, 1),
    "a complaint": lambda text: completion.error_message(text.encode(), str),
    "an artifact": lambda text: artifact_text(
        CODER, ChatAnswer(completion.Completion(text, is_cut=False, usage=None), 0), 1
    ),
    "a picture": lambda text: svg(TaskStatusResult(TaskView("", text, Raw(b"{}"), ""), {}, [])),
    "a moment to come back": lambda text: retry_after(text, 0.0),
}

ATOMS = [*"\"\\ \n\t{}[],:=#'`&*<!|>-.1ae@(;", '\\"', '{"a":', '"id":1,', "```\n", "- a\n"]
ATOMS += [
    "a: b\n",
    "a=debug,",
    "${",
    "&a ",
    "*a ",
    "? ",
    "\u00e9",
    "\x85",
    "<<: ",
    '"":0,',
    "[],",
    "\\u0069",
]
BEGINNINGS = st.sampled_from(["", "a", '"', "A=", '{"id":1,"x":"', '{"id":1,"x":[', "```\n", "- "])
UNITS = st.lists(st.sampled_from(ATOMS), min_size=1, max_size=3).map("".join)
ENDINGS = st.sampled_from(["", "x", '"', "!", '"}'])


def seconds(reader: Reader, text: str) -> float:
    """The time that one reading takes this thread of the processor."""
    began = time.thread_time()
    # The protocol lets no nesting through that the decoder could not follow.
    with contextlib.suppress(RequestRefused, BadSetting, ChatFailed, RecursionError):
        reader(text)
    return time.thread_time() - began


def is_linear(reader: Reader, beginning: str, unit: str, ending: str) -> bool:
    """Whether a text of `TIMES` the length takes no more than `MOST` the time, for each length."""

    def text(size: int) -> str:
        return beginning + unit * (size // len(unit.encode())) + ending

    return all(grows_little(reader, text(size), text(size * TIMES)) for size in SHORT)


def grows_little(reader: Reader, short: str, long: str) -> bool:
    """Whether the long text takes little more time than the short one, in one of 5 tries."""
    longest = shortest = float("inf")
    for _ in range(5):
        longest = min(longest, seconds(reader, long))
        if longest < NOISE:
            return True
        shortest = min(shortest, seconds(reader, short))
        if longest <= MOST * shortest + NOISE:
            return True
    return False


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=40)
@given(BEGINNINGS, UNITS, ENDINGS)
@example('{"id":1,"x":"', '\\"', "")
@example('"', '\\"', "")
def test_time_is_linear_in_the_text(name: str, beginning: str, unit: str, ending: str) -> None:
    """Eight times the bytes take no more than 2.5 times the time for each doubling."""
    assert is_linear(READERS[name], beginning, unit, ending)


def test_an_env_file_takes_linear_time(tmp_path: Path) -> None:
    """Blanks before what may be a comment are looked at once."""
    path = tmp_path / "env"

    def reader(text: str) -> object:
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return env_file({"AGENTD_ENV_FILE": str(path)})

    assert is_linear(reader, "A=a", " ", "b")
    assert is_linear(reader, "A=a'", " ", "b")
    assert is_linear(reader, "#", " ", "b")
    assert is_linear(reader, "", "A=a" + " " * 40 + "b\n", "")


def test_the_measure_sees_quadratic_time() -> None:
    """A reader that looks at everything again for every byte is found out."""
    assert not is_linear(lambda text: [text.count("b", at) for at in range(len(text))], "", "a", "")
