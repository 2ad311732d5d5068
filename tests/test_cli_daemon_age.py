"""A command line that is newer than its daemon."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agentd import __version__
from tests.command_line import agentd_here
from tests.daemon_process import DaemonProcess
from tests.fake_daemon import fake_daemon

if TYPE_CHECKING:
    from tests.fake_daemon import Peer, Script

OLD_METHODS = [{"method": "Health", "aliases": ["health"]}, {"method": "ListTasks"}]


def refusing(error: dict[str, Any], version: str = "0.0.9") -> "Script":
    """A daemon of old: it describes itself, and refuses all else."""

    def script(peer: "Peer") -> None:
        while True:
            if peer.read()["method"] == "DescribeInterface":
                peer.answer({"version": version, "methods": OLD_METHODS, "protocol": "p"})
            else:
                peer.send(json.dumps({"id": None, "error": error}).encode() + b"\n")

    return script


def unknown_method(name: str) -> dict[str, Any]:
    """How it refuses a method."""
    told = f'there is no method "{name}"; DescribeInterface lists them'
    return {"code": -32601, "message": told, "data": {"kind": "unknown_method"}}


def invalid_params(message: str) -> dict[str, Any]:
    """How it refuses params."""
    return {"code": -32602, "message": message, "data": {"kind": "invalid_params"}}


def place(home: Path) -> Path:
    """Where it listens, in a home of its own."""
    home.mkdir(mode=0o700, exist_ok=True)
    return home / "agentd.sock"


def test_a_method_that_the_daemon_does_not_know(home: Path) -> None:
    """Both versions are told, and what to do; in --json with a kind of its own."""
    with fake_daemon(place(home), refusing(unknown_method("ListWorkers"))):
        ended = agentd_here(home, "workers")
        envelope = json.loads(agentd_here(home, "workers", "--json").out)
    told = f"the daemon is agentd 0.0.9, this is agentd {__version__}, and does not know"
    assert (ended.code, ended.out) == (1, "")
    assert ended.error.startswith(f"agentd: {told} ListWorkers: stop it, and start it again with")
    assert envelope["error"]["kind"] == "daemon_too_old"
    assert "`agentd serve`" in envelope["error"]["next"]


def test_a_daemon_of_the_same_version(home: Path) -> None:
    """It is told as an earlier build of it."""
    old = refusing(unknown_method("ListWorkers"), __version__)
    with fake_daemon(place(home), old):
        error = agentd_here(home, "workers").error
    assert f"the daemon is an earlier build of agentd {__version__} than this one" in error


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            'AcquireNextNode: there is no field "node_id" in `$`: there are task_id',
            "does not know `node_id` of AcquireNextNode: stop it",
        ),
        (
            "AcquireNextNode: `$.task_id` is missing",
            "does not know AcquireNextNode without `task_id`: stop it",
        ),
    ],
)
def test_a_field_that_the_daemon_does_not_know(home: Path, message: str, told: str) -> None:
    """So it is with a field, and with one that may be left out here alone."""
    with fake_daemon(place(home), refusing(invalid_params(message))):
        ended = agentd_here(home, "call", "AcquireNextNode", "{}")
    assert ended.code == 1
    assert told in ended.error


@pytest.mark.parametrize(
    "error",
    [
        unknown_method("Bogus"),
        unknown_method("ListTasks"),
        invalid_params("CompleteNode: `$.node_id` is missing"),
        invalid_params('CompleteNode: there is no field "bogus" in `$`: there are task_id'),
        invalid_params('Bogus: there is no field "bogus" in `$`: there are task_id'),
        invalid_params("CompleteNode: `$.lease_id` is not a UUID"),
    ],
)
def test_other_refusals_stay_what_they_are(home: Path, error: dict[str, Any]) -> None:
    """What this agentd does not know either is no matter of age."""
    with fake_daemon(place(home), refusing(error)):
        ended = agentd_here(home, "call", "CompleteNode", "{}")
    assert ended.error.endswith(f"({error['data']['kind']})")


def test_a_daemon_that_does_not_describe_itself(home: Path) -> None:
    """Then the refusal is all there is to tell."""

    def script(peer: "Peer") -> None:
        while True:
            name = peer.read()["method"]
            peer.send(json.dumps({"id": None, "error": unknown_method(name)}).encode() + b"\n")

    with fake_daemon(place(home), script):
        assert agentd_here(home, "workers").error.endswith("(unknown_method)")


def test_a_daemon_of_this_age(shared: DaemonProcess) -> None:
    """It refuses for reasons of its own."""
    assert agentd_here(shared.home, "call", "Bogus").error.endswith("(unknown_method)")
    wrong = agentd_here(shared.home, "call", "ListWorkers", '{"bogus": 1}')
    assert wrong.error.endswith("(invalid_params)")
