"""`agentd work` where its environment asks for spans: what is sent, and what failing costs."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentd import Client
from agentd.traces.export import exported_spans, wish_of
from tests.collector import Collector, collector
from tests.daemon_process import DaemonProcess
from tests.working import node, waiting, work

PLANNED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOWHERE = "http://127.0.0.1:9"
"""Nobody listens at the port `discard`."""

LATE = "agentd: the last spans were not taken within 2 s, and are lost"


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


@pytest.fixture
def there() -> Iterator[Collector]:
    """Who takes spans."""
    with collector() as made:
        yield made


def register(client: Client, lease_secs: int = 60) -> str:
    """A task of one node, planned in a span."""
    nodes = [{"name": "build", "lease_secs": lease_secs}]
    return client.register_task("work", initial_nodes=nodes, traceparent=PLANNED).task_id


def test_the_span_of_a_command(shared: DaemonProcess, client: Client, there: Collector) -> None:
    """It is the planner's child and the parent of what the command does, and has its usage."""
    task_id = register(client)
    told = f"{sys.executable} -m agentd node commit $AGENTD_TASK_ID build $AGENTD_LEASE_ID"
    script = f'{told} --usage cost=0.5 1>&2; echo "\\"$TRACEPARENT\\""'
    ended = work(shared, task_id, script, "--owner", "me", **there.environment)
    assert ended.code == 0, ended
    [span] = there.spans
    assert (span.trace_id, span.parent) == tuple(PLANNED.split("-")[1:3])
    assert json.loads(bytes(node(client, task_id).result_payload)) == span.traceparent
    assert (span.name, span.status) == ("agentd.attempt", 0)
    assert span.attributes == {
        "agentd.task.id": task_id,
        "agentd.node.id": node(client, task_id).id,
        "agentd.node.name": "build",
        "agentd.attempt": 1,
        "agentd.lease.owner": "me",
        "agentd.outcome": "completed",
        "agentd.usage.cost": 0.5,
    }
    assert span.resource["service.name"] == "agentd"


def test_a_command_that_fails(shared: DaemonProcess, client: Client, there: Collector) -> None:
    """The exit code is told; the name of the service is the environment's."""
    ended = work(
        shared, register(client), "exit 3", OTEL_SERVICE_NAME="builders", **there.environment
    )
    assert ended.code == 1
    [span] = there.spans
    told = {name: span.attributes[name] for name in ("agentd.outcome", "process.exit.code")}
    assert told == {"agentd.outcome": "failed", "process.exit.code": 3}
    assert span.resource["service.name"] == "builders"
    assert span.status == 2


def test_a_worker_that_is_killed(shared: DaemonProcess, client: Client, there: Collector) -> None:
    """Its span is lost with it; the next attempt has one, with the same parent."""
    task_id = register(client, lease_secs=1)
    with waiting(shared, task_id, "echo begins >&2; sleep 60", **there.environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith("begins\n")
        os.kill(process.pid, signal.SIGKILL)
    assert work(shared, task_id, "true", **there.environment).code == 0
    span = there.spans[0]  # where the machine is slow, the lease may have run out before the kill
    assert span.attributes["agentd.attempt"] != 1
    assert span.parent == PLANNED.split("-")[2]


def test_a_worker_that_is_stopped(shared: DaemonProcess, client: Client, there: Collector) -> None:
    """The span of the node that it gives back is sent before it ends."""
    task_id = register(client)
    with waiting(shared, task_id, "echo begins >&2; sleep 60", **there.environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline().endswith("begins\n")
        process.terminate()
        process.wait()
    assert [span.attributes["agentd.outcome"] for span in there.spans] == ["released"]


def test_nobody_takes_the_spans(shared: DaemonProcess, client: Client) -> None:
    """The node is completed, one remark tells, and the end waits a moment for it, no longer."""
    ended = work(shared, register(client), "true", OTEL_EXPORTER_OTLP_ENDPOINT=NOWHERE)
    assert (ended.code, ended.out) == (0, "1 completed, 0 failed, 0 given back, 0 lost\n")
    first, *last = ended.err.splitlines()
    assert first.startswith("agentd: spans may get lost, which is said once: ")
    assert last in ([], [LATE]), "an exporter may give up before that"


def test_a_collector_that_never_answers(shared: DaemonProcess, client: Client) -> None:
    """The end does not wait for it either."""
    with collector(hangs=True) as there:
        ended = work(shared, register(client), "true", **there.environment)
        assert there.spans == []
    assert (ended.code, ended.error) == (0, LATE)


def test_the_extra_is_missing(shared: DaemonProcess, client: Client, tmp_path: Path) -> None:
    """One remark names the variable that asks for spans, and how to install; the work is done."""
    package = tmp_path / "opentelemetry"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('no such package')\n")
    asked = {"PYTHONPATH": str(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE}
    ended = work(shared, register(client), "true", **asked)
    assert ended.code == 0
    assert ended.error.startswith(
        "agentd: no spans are sent, though OTEL_EXPORTER_OTLP_ENDPOINT asks for them: that takes "
        "the extra `otel`: `"
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "TRACES_EXPORTER asks for them: .* 'zipkin' here"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "ENDPOINT asks for them: .*='grpc': only http/"),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "only http/protobuf is known here"),
    ],
    ids=["exporter", "protocol", "of traces"],
)
def test_what_cannot_be_sent_is_said(asked: dict[str, str], told: str) -> None:
    """The variable that asks for it, and what is wrong: once, and the work goes on."""
    said: list[str] = []
    with exported_spans({"OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE, **asked}, "1", said.append, str):
        pass
    [words] = said
    assert re.search(told, words), words


def test_a_key_that_is_badly_put(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library says what it cannot read of the headers, and the remark says it without them."""
    asked = {"OTEL_EXPORTER_OTLP_HEADERS": "x=1,Authorization Bearer s3cret"}
    asked["OTEL_EXPORTER_OTLP_ENDPOINT"] = NOWHERE
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("opentelemetry.trace.set_tracer_provider", lambda _: None)
    said: list[str] = []
    with exported_spans(asked, "1", said.append, str):
        pass
    assert ("eader" in said[0], "s3cret" in "".join(said)) == (True, False)


@pytest.mark.parametrize(
    ("environment", "exporters"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, None),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": NOWHERE}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ("console", "otlp")),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE}, None),
        ({"OTEL_SDK_DISABLED": "True", "OTEL_TRACES_EXPORTER": "otlp"}, None),
        ({"OTEL_SDK_DISABLED": "1", "OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
    ],
)
def test_who_asks_for_spans(environment: dict[str, str], exporters: tuple[str, ...] | None) -> None:
    """The variables mean what OpenTelemetry's specification says they mean."""
    wish = wish_of(environment)
    assert (None if wish is None else wish.exporters) == exporters


def test_where_nothing_asks_for_spans(
    shared: DaemonProcess, client: Client, there: Collector
) -> None:
    """The command has the planner's TRACEPARENT, and of ours no TRACESTATE; nothing is sent."""
    task_id = register(client)
    off = {"OTEL_SDK_DISABLED": "TRUE", "TRACESTATE": "a=b", **there.environment}
    assert work(shared, task_id, 'echo "$TRACEPARENT $TRACESTATE"', **off).code == 0
    assert json.loads(bytes(node(client, task_id).result_payload)) == f"{PLANNED} "
    assert there.spans == []


def test_spans_on_standard_error(shared: DaemonProcess, client: Client) -> None:
    """The exporter `console` writes there, so that standard output stays the outcome."""
    ended = work(shared, register(client), "true", OTEL_TRACES_EXPORTER="console")
    assert ended.out == "1 completed, 0 failed, 0 given back, 0 lost\n"
    assert json.loads(ended.err)["name"] == "agentd.attempt"
