"""The parts of the loop that need neither a daemon nor an endpoint."""

import errno
import hashlib
import os
import stat
from pathlib import Path

import msgspec
import pytest
from msgspec import Raw

from agentd.cli.worker.loop import FLAGS
from agentd.errors import Failure
from agentd.loop.agents import AGENTS, agent_of, node_specs, request_of
from agentd.loop.artifacts import Artifacts, artifact_problem, check_directory
from agentd.loop.chat import ChatAnswer
from agentd.loop.completion import Completion
from agentd.loop.handler import REQUEST_RETRIED, REQUEST_STARTED, RESPONSE_RECEIVED, artifact_text
from agentd.loop.prompts import prompt_messages
from agentd.loop.result import AgentResult, Artifact, decode_result
from agentd.loop.script import SCRIPT
from tests.daemon_process import REPOSITORY
from tests.documents import quoted, rows, section

PAGE = REPOSITORY / "docs" / "agent-loop.md"
REVIEW = AGENTS["integration-review"]
SCRIPT_RESULT = AgentResult(
    "worker-script", "m", Artifact("/a/worker.py", 9, "00"), "import os\n", is_cut=True, usage=None
)


def raw(value: object) -> Raw:
    """A value as it stands in the journal."""
    return Raw(msgspec.json.encode(value))


def written(agent: str, text: str, *, is_cut: bool = False) -> str:
    """What goes into an agent's file when the model has answered this."""
    answer = ChatAnswer(Completion(text, is_cut, None), 1)
    return artifact_text(AGENTS[agent], answer, 120)


# The graph


def test_the_graph() -> None:
    """Two agents begin at once, one waits for both, the last for all three."""
    ids = dict(zip("abcd", AGENTS, strict=True))
    found = {ids[n["id"]]: [ids[d] for d in n["dependencies"]] for n in node_specs("abcd")}
    assert found == {
        "worker-script": [],
        "ipc-contract": [],
        "integration-review": ["worker-script", "ipc-contract"],
        "synthesis": ["worker-script", "ipc-contract", "integration-review"],
    }


def test_a_node_says_what_is_asked() -> None:
    """A node names its agent, for people and programs, and what the agent is to do."""
    payload = node_specs("abcd")[2]["payload_schema"]
    assert payload == {"name": REVIEW.name, "agent": REVIEW.name, "request": REVIEW.request}
    assert agent_of(raw(payload)) is REVIEW
    assert request_of(raw(payload)) == REVIEW.request


@pytest.mark.parametrize("payload", [None, "synthesis", {}, {"agent": []}, {"agent": "x"}])
def test_a_node_of_somebody_else(payload: object) -> None:
    """A payload that names none of the agents is none of the loop's."""
    assert agent_of(raw(payload)) is None
    assert request_of(raw(payload)) is None


def test_files_are_named_after_roles() -> None:
    """Each agent has a file of its own, with a plain name."""
    files = [agent.file for agent in AGENTS.values()]
    assert files == ["worker.py", "ipc-contract.md", "integration-review.md", "synthesis.md"]


def test_the_offline_script_fits() -> None:
    """Each agent has an answer that fits into the default limit; the worker script compiles."""
    assert list(SCRIPT) == list(AGENTS)
    assert all(len(text) <= 480 for text in SCRIPT.values())
    compile(written("worker-script", SCRIPT["worker-script"]), "worker.py", "exec")


# The page


def test_the_page_lists_the_agents() -> None:
    """docs/agent-loop.md names every agent with its file, in order."""
    told = [(quoted(row[0])[0], quoted(row[2])[0]) for row in rows(section("The agents", PAGE))]
    assert told == [(agent.name, agent.file) for agent in AGENTS.values()]


def test_the_page_names_the_flags() -> None:
    """Every setting but the key has the flag that the page gives it."""
    told = {
        quoted(variable)[0]: quoted(purpose)[0]
        for variable, _, purpose in rows(section("Settings", PAGE))
        if purpose.startswith("`--")
    }
    assert told == {variable: f"--{name.replace('_', '-')}" for name, variable in FLAGS.items()}


def test_the_page_names_the_events() -> None:
    """What the workers journal is on the page."""
    told = [quoted(row[0])[0] for row in rows(section("What is journalled", PAGE))]
    assert told == [REQUEST_STARTED, REQUEST_RETRIED, RESPONSE_RECEIVED]


# Prompts


def test_a_prompt_is_made_of_the_context() -> None:
    """Goal, request and the artifacts that were waited for; a worker that takes over has them."""
    system, user = prompt_messages(REVIEW, "the goal", "the request", [SCRIPT_RESULT])
    assert system["role"] == "system"
    assert "You are the agent integration-review" in system["content"]
    assert user == {
        "role": "user",
        "content": (
            "The goal: the goal\n\nYour part: the request\n\n"
            "The artifact of worker-script (worker.py, cut off):\n"
            "<artifact>\nimport os\n\n</artifact>"
        ),
    }


@pytest.mark.parametrize("value", [None, {}, {"agent": "x"}, "text", [1]])
def test_a_result_of_somebody_else(value: object) -> None:
    """What a foreign worker completed a node with is none of the loop's results."""
    assert decode_result(raw(value)) is None


# What goes into a file


@pytest.mark.parametrize(
    ("answer", "file"),
    [
        ("a = 1\nb = 2", "a = 1\nb = 2\n"),
        ("```python\na = 1\n\nb = 2\n```", "a = 1\n\nb = 2\n"),
        ("Here it is:\n\n```py\na = 1\n```\nHave fun!", "a = 1\n"),
        ("```python\na = 1\nb = (", "a = 1\nb = (\n"),
        ("```", "```\n"),
    ],
)
def test_code_comes_without_its_fence(answer: str, file: str) -> None:
    """Models like to put code into Markdown; a file of code has the code alone."""
    assert written("worker-script", answer) == file


@pytest.mark.parametrize(
    ("answer", "file"),
    [
        ("# A\n\n```sh\nls\n```", "# A\n\n```sh\nls\n```\n"),
        ("```markdown\n# A\n```", "# A\n"),
    ],
)
def test_markdown_keeps_its_fences(answer: str, file: str) -> None:
    """But for one around the whole."""
    assert written("synthesis", answer) == file


def test_an_artifact_that_was_cut_says_so() -> None:
    """Each kind of file in its own way."""
    assert written("worker-script", "a = 1", is_cut=True) == (
        "a = 1\n\n# Cut off after 120 tokens.\n"
    )
    assert written("synthesis", "- a", is_cut=True) == "- a\n\n> Cut off after 120 tokens.\n"


# Artifacts


def test_an_artifact_is_for_its_owner(tmp_path: Path) -> None:
    """Files have mode 0600, folders 0700, whatever the umask says."""
    before = os.umask(0)
    try:
        artifact = Artifacts(tmp_path / "artifacts", "t").write("a.md", "ä\n")
    finally:
        os.umask(before)
    path = tmp_path / "artifacts" / "t" / "a.md"
    assert artifact == Artifact(str(path), 3, hashlib.sha256("ä\n".encode()).hexdigest())
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (path, path.parent, path.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_an_artifact_is_there_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written to its end leaves the earlier file as it was, nothing beside it."""
    artifacts = Artifacts(tmp_path, "t")
    first = artifacts.write("a.md", "first")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failure, match=r"a\.md cannot be written \(No space left"):
        artifacts.write("a.md", "second")
    assert [path.name for path in artifacts.folder.iterdir()] == ["a.md"]
    assert artifact_problem(first, tmp_path) is None


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    """The error names the place and the variable to change."""
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match="set AGENTD_ARTIFACT_DIR to another place"):
        check_directory(tmp_path / "file")


def test_an_artifact_is_held_against_its_hash(tmp_path: Path) -> None:
    """A file that somebody changed or took away is not what the journal says of it."""
    artifact = Artifacts(tmp_path, "t").write("a.md", "first")
    Path(artifact.path).write_text("other")
    assert artifact_problem(artifact, tmp_path) == "was changed since"
    Path(artifact.path).unlink()
    assert artifact_problem(artifact, tmp_path) == "cannot be read: No such file or directory"


def test_text_that_is_no_unicode(tmp_path: Path) -> None:
    """A lone surrogate, which JSON allows, is replaced."""
    artifact = Artifacts(tmp_path, "t").write("a.md", "a\ud800b")
    assert Path(artifact.path).read_bytes() == b"a?b"
