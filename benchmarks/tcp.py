"""Rule: who does not know the secret is served nothing, and who does hardly notices.

A client commits events over TCP, alone and beside strangers who try 10,000 times, in turns.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import msgspec

from agentd.client import Client
from agentd.client.address import TcpAddress
from agentd.loopback import Loopback
from agentd.proof import proof
from benchmarks.daemons import agentd, fresh_home
from benchmarks.report import Row, at_most, at_most_times
from benchmarks.run import Run
from benchmarks.stats import median, percentile
from benchmarks.strangers import NAME

TRIES = 10_000
CALLS_ALONE = 2_000
BAR = 2.0


def tcp(run: Run) -> list[Row]:
    """Bytes served to strangers, and the p99 of a client's commits beside them."""
    port = _free_port()
    with fresh_home() as home, agentd(home, "--tcp", f"127.0.0.1:{port}"):
        address = TcpAddress(Loopback("127.0.0.1", port), home / "tcp.secret")
        seen = _record(port, address.secret_file)
        with Client(address) as client:
            task = client.register_task("beside strangers", initial_nodes=[{}])
            target = task.task_id, task.node_ids[0]
            rounds = [_round(client, target, port, seen) for _ in range(run.rounds)]
    alone, beside = median([each[0] for each in rounds]), median([each[1] for each in rounds])
    return [
        at_most("bytes served to 10,000 strangers", max(each[2] for each in rounds), 0.5, "bytes"),
        at_most_times(
            "  p99 of a commit beside them", beside, alone, BAR, tries_per_s=rounds[0][3]
        ),
    ]


def _round(
    client: Client, target: tuple[str, str], port: int, seen: tuple[str, str]
) -> tuple[float, float, int, float]:
    """The p99 alone and beside strangers, in ms; what they were served; their tries a second."""
    alone = [_commit(client, target) for _ in range(CALLS_ALONE)]
    beside = []
    with _strangers(port, seen) as process:
        began = perf_counter()
        while process.poll() is None:
            beside.append(_commit(client, target))
        seconds = perf_counter() - began
        assert process.stdout is not None
        served = int(process.stdout.read())
    return (
        percentile(sorted(alone), 99),
        percentile(sorted(beside), 99),
        served,
        TRIES / seconds,
    )


def _commit(client: Client, target: tuple[str, str]) -> float:
    began = perf_counter()
    client.commit_event(*target, payload={"n": 1})
    return (perf_counter() - began) * 1e3


@contextmanager
def _strangers(port: int, seen: tuple[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "benchmarks.strangers", str(port), str(TRIES), *seen]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def _record(port: int, secret_file: Path) -> tuple[str, str]:
    """A client's nonce and proof, as one would see them who could look on."""
    secret, nonce = bytes.fromhex(secret_file.read_text()), "1" * 64
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(msgspec.json.encode({"hello": NAME, "nonce": nonce}) + b"\n")
        theirs = msgspec.json.decode(client.makefile("rb").readline())["nonce"]
        ours = proof(secret, "client", nonce, theirs)
        client.sendall(msgspec.json.encode({"proof": ours}) + b"\n")
        client.makefile("rb").readline()
    return nonce, ours


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
