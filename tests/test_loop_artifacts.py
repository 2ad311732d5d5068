"""What `agentd loop` looks at: a regular file below its own folder, whatever a result names."""

import hashlib
import os
import socket
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import asdict, replace

from agentd import Client
from agentd.loop.agents import AGENTS, node_specs
from agentd.loop.artifacts import LARGEST, Artifacts, artifact_problem
from agentd.loop.result import AgentResult, Artifact
from tests.daemon_process import REPOSITORY, DaemonProcess
from tests.loop_run import loop

TEXT = b"an artifact\n"


def artifact(path: Path | str, content: bytes = TEXT) -> Artifact:
    """What a result says of a file at that path."""
    return Artifact(str(path), len(content), hashlib.sha256(content).hexdigest())


def outside(tmp_path: Path, name: str) -> Path:
    """A file with the right content beside the folder."""
    path = tmp_path / name
    path.write_bytes(TEXT)
    return path


def test_a_file_of_our_own(tmp_path: Path) -> None:
    """It is held against its hash."""
    folder = tmp_path / "artifacts"
    assert artifact_problem(Artifacts(folder, "t").write("a.md", TEXT.decode()), folder) is None


@pytest.mark.parametrize(
    "path",
    ["/dev/zero", "{}", "{}/../secret", "{}/t/../../secret", "{}x/secret", "secret", "", "{}/a\0b"],
)
def test_a_path_that_is_not_below(tmp_path: Path, path: str) -> None:
    """It is not looked at, be the content what the result says or not."""
    folder = tmp_path / "artifacts"
    (folder / "t").mkdir(parents=True)
    (tmp_path / "artifactsx").mkdir()
    for name in ("secret", "artifactsx/secret"):
        outside(tmp_path, name)
    found = artifact_problem(artifact(path.format(folder)), folder)
    assert found == f"is not below {folder}: it was not looked at"


def link_to_file(place: Path, beside: Path) -> None:
    """The file is a link to another's."""
    place.symlink_to(outside(beside, "secret"))


def link_to_device(place: Path, _: Path) -> None:
    """The file is a link to what has no end."""
    place.symlink_to("/dev/zero")


def link_on_the_way(place: Path, beside: Path) -> None:
    """The folder is a link."""
    place.parent.rmdir()
    place.parent.symlink_to(outside(beside, place.name).parent)


def fifo(place: Path, _: Path) -> None:
    """Who opens it to read waits for a writer."""
    os.mkfifo(place)


def folder(place: Path, _: Path) -> None:
    """No file at all."""
    place.mkdir()


def unix_socket(place: Path, _: Path) -> None:
    """Made by its short name: a socket's path has a limit."""
    here = Path.cwd()
    os.chdir(place.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(place.name)
    finally:
        os.chdir(here)


def growing(place: Path, _: Path) -> None:
    """A file that has more than the result says; its holes take no room."""
    place.write_bytes(TEXT)
    os.truncate(place, 1 << 40)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (link_to_file, "cannot be read: it is no regular file"),
        (link_to_device, "cannot be read: it is no regular file"),
        (link_on_the_way, "cannot be read: "),
        (fifo, "cannot be read: it is no regular file"),
        (folder, "cannot be read: it is no regular file"),
        (unix_socket, "cannot be read: it is no regular file"),
        (growing, "was changed since"),
    ],
)
def test_what_is_no_artifact(tmp_path: Path, make: Callable[[Path, Path], None], told: str) -> None:
    """Links, devices and the like are neither followed nor waited for, and a reading is bounded."""
    artifacts = tmp_path / "artifacts"
    place = artifacts / "t" / "a.md"
    place.parent.mkdir(parents=True)
    make(place, tmp_path)
    found: list[str | None] = []
    looking = threading.Thread(
        target=lambda: found.append(artifact_problem(artifact(place), artifacts)), daemon=True
    )
    looking.start()
    looking.join(10)
    assert len(found) == 1, "it waits"
    assert (found[0] or "").startswith(told)


def test_the_page_says_how_much_is_read() -> None:
    """docs/agent-loop.md has the bound."""
    page = (REPOSITORY / "docs" / "agent-loop.md").read_text()
    assert f"at most {LARGEST >> 20} MiB of each" in page


@pytest.mark.parametrize("size", [-1, -2, LARGEST + 1, 2**70])
def test_a_size_that_no_artifact_has(tmp_path: Path, size: int) -> None:
    """A result may say anything: so much is never read."""
    made = Artifacts(tmp_path, "t").write("a.md", TEXT.decode())
    told = f"would have {size} bytes, as no artifact has: it was not looked at"
    assert artifact_problem(replace(made, bytes=size), tmp_path) == told


def test_a_run_that_is_told_to_read_anything(shared: DaemonProcess, tmp_path: Path) -> None:
    """A task whose results name a device and a FIFO ends all the same, and says what they are."""
    with Client(shared.socket_path) as client:
        ids = [str(uuid.uuid4()) for _ in AGENTS]
        task_id = client.register_task("g", initial_nodes=node_specs(ids)).task_id
        os.mkfifo(tmp_path / "fifo")
        for path in ("/dev/zero", tmp_path / "fifo"):
            acquired = client.acquire_next_node(task_id)
            assert acquired is not None
            with client.lease(acquired) as lease:
                lease.result = asdict(
                    AgentResult("worker-script", "m", artifact(path), "x", is_cut=False, usage=None)
                )
    ended = loop(shared, "--offline", "--task", task_id)
    assert ended.code == 1
    told = f"is not below {shared.home / 'artifacts'}: it was not looked at"
    assert ended.out.count(told) == 2
    assert "2 of 4 artifacts" in ended.out
