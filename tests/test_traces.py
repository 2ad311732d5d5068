"""The spans of attempts, in a program that traces."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from agentd import AsyncClient, AsyncLease, Client, Lease, Worker, WorkFailed, WorkReleased
from agentd.api import AcquireNextNodeResult
from agentd.errors import LeaseLost
from agentd.traces.context import with_trace
from agentd.traces.export import FLUSH_SECONDS
from tests.daemon_process import REPOSITORY, DaemonProcess
from tests.documents import section
from tests.spans import Tracing, span_id, traceparent, tracing

PLANNED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Act = Callable[[], Any]


@pytest.fixture
def client(shared: DaemonProcess) -> Iterator[Client]:
    """A client of the daemon that all of them share."""
    with Client(shared.socket_path) as opened:
        yield opened


@pytest.fixture
def told() -> Iterator[Tracing]:
    """What is traced."""
    with tracing() as made:
        yield made


def acquired(client: Client, task_id: str) -> AcquireNextNodeResult:
    """The task's node, held by somebody."""
    found = client.acquire_next_node(task_id, lease_owner="w")
    assert found is not None
    return found


def by_worker(client: Client, task_id: str, act: Act) -> None:
    """A blocking handler does it."""

    def handle(_lease: Lease) -> Any:
        return act()

    Worker(client, handler=handle, task_id=task_id, owner="w").run()


def by_async_worker(client: Client, task_id: str, act: Act) -> None:
    """An async handler does it."""

    async def handle(_lease: AsyncLease) -> Any:
        return act()

    Worker(client, handler=handle, task_id=task_id, owner="w").run()


def by_block(client: Client, task_id: str, act: Act) -> None:
    """A `with` block does it."""
    with client.lease(acquired(client, task_id)) as lease:
        lease.result = act()


def by_async_block(client: Client, task_id: str, act: Act) -> None:
    """An `async with` block does it."""

    async def hold() -> None:
        held = acquired(client, task_id)
        async with AsyncClient(client.address) as opened, opened.lease(held) as lease:
            lease.result = act()

    asyncio.run(hold())


ways = pytest.mark.parametrize("run", [by_worker, by_async_worker, by_block, by_async_block])
Run = Callable[[Client, str, Act], None]


def register(client: Client, **fields: Any) -> str:
    """A task of one node."""
    nodes = [{"name": "build"}]
    return client.register_task("work", initial_nodes=nodes, **fields).task_id


def attempt(told: Tracing) -> ReadableSpan:
    """The only attempt."""
    [span] = told.named("agentd.attempt")
    return span


@ways
def test_an_attempt_has_a_span(client: Client, told: Tracing, run: Run) -> None:
    """It says whose work it was and how it ended, and is the active one while the work is done."""
    task_id = register(client)
    seen: list[int] = []
    run(client, task_id, lambda: seen.append(trace.get_current_span().get_span_context().span_id))
    span = attempt(told)
    assert seen == [span_id(span)]
    assert span.kind is SpanKind.CONSUMER
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "agentd.task.id": task_id,
        "agentd.node.id": client.task_status(task_id).nodes[0].id,
        "agentd.node.name": "build",
        "agentd.attempt": 1,
        "agentd.lease.owner": "w",
        "agentd.outcome": "completed",
    }
    assert not trace.get_current_span().get_span_context().is_valid, "nothing is active behind it"


@ways
def test_a_failure_is_told(client: Client, told: Tracing, run: Run) -> None:
    """The type of what was raised, its words, and where it was raised, all of them bounded."""

    def act() -> None:
        raise ValueError("no\x1b[2J " + "x" * 10_000)

    task_id = register(client)
    try:
        run(client, task_id, act)
    except ValueError:
        assert run in (by_block, by_async_block)
    span = attempt(told)
    attributes = span.attributes or {}
    assert (attributes["agentd.outcome"], attributes["error.type"]) == ("failed", "ValueError")
    assert span.status.status_code is StatusCode.ERROR
    description = span.status.description or ""
    assert description.startswith(r"no\x1b[2J xx")
    assert len(description) == 200
    [event] = span.events
    recorded = event.attributes or {}
    assert (event.name, recorded["exception.type"]) == ("exception", "ValueError")
    assert len(str(recorded["exception.message"])) == 4096
    assert len(str(recorded["exception.stacktrace"])) == 4096


@pytest.mark.parametrize(
    ("payload", "kind", "attributes", "words"),
    [
        ({"message": "no disk", "x": 1}, None, {"error.type": "WorkFailed"}, "no disk"),
        ({"kind": "timeout"}, "timeout", {"error.type": "timeout"}, "timeout"),
        (
            {"exit_code": 3, "stderr": "secret"},
            None,
            {"error.type": "exit_code", "process.exit.code": 3},
            "exit code 3",
        ),
        ("just words", "tool", {"error.type": "tool"}, "the work failed: 'just words'"),
    ],
)
def test_a_failure_that_is_meant(
    client: Client, told: Tracing, payload: Any, kind: str, attributes: dict[str, Any], words: str
) -> None:
    """The kind that was chosen is the type; what is said of it is no exception that was met."""

    def act() -> None:
        raise WorkFailed(payload, kind=kind)

    by_worker(client, register(client), act)
    span = attempt(told)
    assert attributes.items() <= dict(span.attributes or {}).items()
    assert (span.status.description, span.events) == (words, ())


def test_what_is_given_back_is_no_error(client: Client, told: Tracing) -> None:
    """The outcome is `released`, and the status is left alone."""

    def act() -> None:
        raise WorkReleased("not now", after_secs=1_000)

    with pytest.raises(WorkReleased):
        by_block(client, register(client), act)
    span = attempt(told)
    assert (span.attributes or {})["agentd.outcome"] == "released"
    assert span.status.status_code is StatusCode.UNSET


@ways
def test_a_lease_that_is_lost(client: Client, told: Tracing, run: Run) -> None:
    """The outcome is `lost`, and the words are the daemon's."""
    task_id = register(client)
    try:
        run(client, task_id, lambda: client.cancel_task(task_id, reason="enough"))
    except LeaseLost:
        assert run in (by_block, by_async_block)
    span = attempt(told)
    attributes = span.attributes or {}
    assert (attributes["agentd.outcome"], attributes["error.type"]) == ("lost", "LeaseLost")
    assert "cancelled" in (span.status.description or "")


def test_what_only_stops_the_program(client: Client, told: Tracing) -> None:
    """The outcome is `interrupted`: the node goes back when its lease runs out."""

    def act() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        by_block(client, register(client), act)
    span = attempt(told)
    assert (span.attributes or {})["agentd.outcome"] == "interrupted"
    assert span.status.status_code is StatusCode.UNSET


def test_usage(client: Client, told: Tracing) -> None:
    """What commits and the end of the node tell is added up, whatever the units."""

    def handle(lease: Lease) -> None:
        lease.commit("STEP", usage={"input_tokens": 3, "cost_usd": 0.25})
        lease.commit("STEP")
        lease.usage = {"input_tokens": 4, "output_tokens": 1}

    Worker(client, handle, task_id=register(client)).run()
    attributes = attempt(told).attributes or {}
    used = {name: value for name, value in attributes.items() if "usage" in name}
    assert used == {
        "agentd.usage.input_tokens": 7,
        "agentd.usage.output_tokens": 1,
        "agentd.usage.cost_usd": 0.25,
    }


@ways
def test_it_is_a_child_of_the_planner(client: Client, told: Tracing, run: Run) -> None:
    """A plan that is registered in a span says so, and a link leads to where the work is done."""
    with told.tracer.start_as_current_span("plan") as plan:
        task_id = register(client)
    assert client.task_status(task_id).task.traceparent == traceparent(plan)
    with told.tracer.start_as_current_span("serve") as serve:
        run(client, task_id, lambda: None)
    span = attempt(told)
    assert span.parent is not None
    assert span.parent.span_id == plan.get_span_context().span_id
    # A blocking handler has a thread of its own, where nothing is active.
    linked = [] if run is by_worker else [serve.get_span_context().span_id]
    assert [link.context.span_id for link in span.links] == linked


def test_without_a_planner_it_is_a_child_of_where_it_runs(client: Client, told: Tracing) -> None:
    """A node that nobody planned in a span belongs to the trace of who works on it."""
    task_id = register(client)
    with told.tracer.start_as_current_span("serve") as serve:
        by_block(client, task_id, lambda: None)
    parent = attempt(told).parent
    assert parent is not None
    assert parent.span_id == serve.get_span_context().span_id


def test_added_nodes_are_children_of_the_attempt_that_added_them(
    client: Client, told: Tracing
) -> None:
    """A planner that is a node itself is the parent of what it plans."""

    def handle(lease: Lease) -> None:
        if lease.context.node.name == "build":
            lease.add_nodes([{"name": "test"}])

    Worker(client, handle, task_id=register(client, traceparent=PLANNED)).run()
    build, test = told.named("agentd.attempt")
    assert build.parent is not None
    assert test.parent is not None
    assert f"{build.parent.span_id:016x}" == PLANNED.split("-")[2]
    assert test.parent.span_id == span_id(build)


def test_what_is_said_wins_over_the_active_span(client: Client, told: Tracing) -> None:
    """`traceparent=` is sent as it is."""
    with told.tracer.start_as_current_span("plan"):
        task_id = register(client, traceparent=PLANNED)
    assert client.task_status(task_id).task.traceparent == PLANNED


def test_the_environment_names_a_planner(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a span of ours TRACEPARENT holds, where it is one, and OTEL_PROPAGATORS wants it."""
    seen = []
    for told, propagators in ((PLANNED, ""), ("nonsense", ""), (PLANNED, "b3"), (PLANNED, "none")):
        monkeypatch.setenv("TRACEPARENT", told)
        monkeypatch.setenv("OTEL_PROPAGATORS", propagators)
        seen.append(client.task_status(register(client)).task.traceparent or None)
    assert seen == [PLANNED, None, None, None]


def test_the_environment_of_a_command(told: Tracing) -> None:
    """It has the active span, else the planner's, else ours; a TRACESTATE of another trace goes."""
    ours = {"TRACEPARENT": "ours", "TRACESTATE": "a=b", "X": "y"}
    assert with_trace(ours, None) == ours
    assert with_trace(ours, PLANNED) == {"TRACEPARENT": PLANNED, "X": "y"}
    with told.tracer.start_as_current_span("attempt") as span:
        assert with_trace(ours, PLANNED) == {"TRACEPARENT": traceparent(span), "X": "y"}
        assert with_trace({"OTEL_PROPAGATORS": "b3"}, PLANNED) == {"OTEL_PROPAGATORS": "b3"}


def test_a_tracer_that_breaks_changes_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The node is completed all the same, and a warning says what happened."""

    def get_tracer(_name: str) -> None:
        raise RuntimeError("no\x07tracer")

    monkeypatch.setattr(trace, "get_tracer", get_tracer)
    task_id = register(client)
    by_block(client, task_id, lambda: None)
    assert client.task_status(task_id).nodes[0].status == "COMPLETED"
    assert [record.getMessage() for record in caplog.records if "trace" in record.name] == [
        r"an attempt is not traced as it should be: no\x07tracer"
    ]


def test_who_does_not_trace_imports_no_tracer(shared: DaemonProcess) -> None:
    """Neither the client nor a worker imports OpenTelemetry by itself."""
    script = (
        "import sys, agentd\n"
        f"with agentd.Client({str(shared.socket_path)!r}) as client:\n"
        "    task = client.register_task('g', initial_nodes=[{}]).task_id\n"
        "    agentd.Worker(client, lambda lease: 1, task_id=task).run()\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert ended.stdout == b"[]\n"


def test_what_the_page_says(client: Client, told: Tracing) -> None:
    """docs/workers.md has every outcome, every attribute, and how long the end waits."""
    page = section("Traces", REPOSITORY / "docs" / "workers.md")
    by_block(client, register(client), lambda: None)
    words = {*(attempt(told).attributes or {}), "error.type", "process.exit.code"}
    words |= {"completed", "failed", "released", "lost", "interrupted", attempt(told).name}
    assert [word for word in sorted(words) if f"`{word}`" not in page] == []
    assert f"{FLUSH_SECONDS:g} s to leave" in page
