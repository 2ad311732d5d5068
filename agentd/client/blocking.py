"""The blocking client.

The rule this file keeps: a connection belongs to one call at a time. Idle ones wait in a pool, so a
program of one thread uses one connection, and threads never wait for each other's answers.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, Unpack

import msgspec

from agentd.api import AcquireNextNodeResult
from agentd.client.address import Address, UnixAddress, address_of
from agentd.client.answers import decode_answer
from agentd.client.base_lock import LockFields
from agentd.client.binding import bind
from agentd.client.connection import Connection
from agentd.client.heartbeats import Heartbeats
from agentd.client.lease import Lease
from agentd.client.lock import Lock
from agentd.client.repeats import OUTCOME_UNKNOWN, Repeats, is_repeatable, omit_unknown_outcome
from agentd.client.requests import (
    control,
    daemon,
    endings,
    events,
    explain,
    forks,
    gates,
    growth,
    imports,
    leases,
    limits,
    locks,
    nodes,
    registration,
    retries,
    tasks,
    updates,
    workers,
)
from agentd.client.requests.request import Request, request_line, wait_secs
from agentd.client.values import decode_value, encode
from agentd.errors import DaemonUnreachable

Result = TypeVar("Result")
P = ParamSpec("P")


def _blocking_method(
    build: Callable[P, Request[Result]],
) -> Callable[Concatenate["Client", P], Result]:
    """A method of `Client` that sends what `build` makes."""

    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return self.ask(build(*args, **kwargs))

    return bind(method, build)


class Client:
    """A client of the daemon for threads. Connects at the first call.

    `socket_path` is found as the daemon finds it where it is left out: `AGENTD_SOCKET_PATH`,
    `AGENTD_HOME`, the env file; or elsewhere, where `AGENTD_ADDRESS` says so. It may be an address,
    too: `tcp://127.0.0.1:7777`. `timeout` is in seconds and bounds each call as a whole: after a
    lost connection the call connects again and repeats its request until that time is over. What
    a call lets the daemon wait (`wait_secs`) comes on top of it.

    Raises `BadSetting` when the settings that say where the socket is do not parse. Each method
    raises `DaemonUnreachable` or a `RequestRefused`; see `agentd.errors`. Safe to share among
    threads, and after a fork.
    """

    describe_interface = _blocking_method(daemon.describe_interface)
    health = _blocking_method(daemon.health)
    metrics = _blocking_method(daemon.metrics)
    register_task = _blocking_method(registration.register_task)
    acquire_next_node = _blocking_method(leases.acquire_next_node)
    commit_event = _blocking_method(events.commit_event)
    heartbeat_node = _blocking_method(leases.heartbeat_node)
    complete_node = _blocking_method(endings.complete_node)
    fail_node = _blocking_method(endings.fail_node)
    task_status = _blocking_method(tasks.task_status)
    list_tasks = _blocking_method(tasks.list_tasks)
    task_events = _blocking_method(events.task_events)
    release_node = _blocking_method(endings.release_node)
    retry_node = _blocking_method(retries.retry_node)
    node_status = _blocking_method(nodes.node_status)
    cancel_task = _blocking_method(control.cancel_task)
    pause_task = _blocking_method(control.pause_task)
    resume_task = _blocking_method(control.resume_task)
    set_budget = _blocking_method(control.set_budget)
    acquire_nodes = _blocking_method(leases.acquire_nodes)
    heartbeat_nodes = _blocking_method(leases.heartbeat_nodes)
    watch_events = _blocking_method(events.watch_events)
    list_workers = _blocking_method(workers.list_workers)
    update_node = _blocking_method(updates.update_node)
    set_limit = _blocking_method(limits.set_limit)
    close_limit = _blocking_method(limits.close_limit)
    list_limits = _blocking_method(limits.list_limits)
    explain_node = _blocking_method(explain.explain_node)
    explain_task = _blocking_method(explain.explain_task)
    add_nodes = _blocking_method(growth.add_nodes)
    fork_task = _blocking_method(forks.fork_task)
    import_task = _blocking_method(imports.import_task)
    list_gates = _blocking_method(gates.list_gates)
    decide_gate = _blocking_method(gates.decide_gate)
    acquire_resource_lock = _blocking_method(locks.acquire_resource_lock)
    heartbeat_resource_lock = _blocking_method(locks.heartbeat_resource_lock)
    release_resource_lock = _blocking_method(locks.release_resource_lock)
    list_resource_locks = _blocking_method(locks.list_resource_locks)

    def __init__(
        self, socket_path: str | Path | Address | None = None, timeout: float = 30.0
    ) -> None:
        if not 0 < timeout <= threading.TIMEOUT_MAX:
            raise ValueError(f"timeout={timeout!r}: expected seconds, more than 0 and not for ever")
        self.address = address_of(socket_path)
        self.timeout = timeout
        self._idle: list[Connection] = []
        self._process = os.getpid()
        self._heartbeats = Heartbeats(self.ask)

    @property
    def socket_path(self) -> Path | None:
        """The daemon's socket; None over TCP: see `address`."""
        return Path(self.address.path) if isinstance(self.address, UnixAddress) else None

    def ask(self, request: Request[Result], timeout: float | None = None) -> Result:
        """The typed answer to a request that may be repeated; `timeout` is in seconds."""
        line = request_line(request.method, request.params)
        try:
            seconds = (timeout or self.timeout) + wait_secs(request.params)
            answer = self._answer(line, seconds, repeat=True)
        except OUTCOME_UNKNOWN as error:
            omit_unknown_outcome(error, request.method)
            raise
        return decode_answer(answer, request.result)

    def ask_in_a_row(self, *requests: Request[Any]) -> list[Any]:
        """The typed answers to small requests that may be repeated, sent together.

        The daemon takes one up right after the other, before anybody who waits for what the first
        makes possible. The others are carried out too where one is refused; the first refusal is
        raised.
        """
        lines = b"".join(request_line(each.method, each.params) for each in requests)
        answers = self._answer(lines, self.timeout, repeat=True).split(b"\n")
        return [
            decode_answer(answer, request.result)
            for answer, request in zip(answers, requests, strict=False)  # one where it hung up
        ]

    def call(self, method: str, params: Mapping[str, Any] | msgspec.Struct | None = None) -> Any:
        """The decoded result of one request, whatever its method.

        Raises `Unsendable` or `TypeError` where JSON has no form for the params, and `ValueError`
        where Python has no value for the result: `raw_call` gives its bytes.

        It is sent as it is. When its answer is lost and it has no `request_id`, it is repeated only
        if its method is safe to repeat; else `ConnectionLost` says that the outcome is unknown.
        """
        result = self.raw_call(method, params)
        return decode_value(result, f"the result of {method}", "client.raw_call(...)")

    def raw_call(
        self, method: str, params: Mapping[str, Any] | msgspec.Struct | None = None
    ) -> bytes:
        """As `call`, but the result is JSON as the daemon wrote it."""
        repeat = is_repeatable(method, params)
        line = request_line(method, encode(params or {}, "$"))
        try:
            answer = self._answer(line, self.timeout + wait_secs(params), repeat=repeat)
        except OUTCOME_UNKNOWN as error:
            omit_unknown_outcome(error, method)
            raise
        return bytes(decode_answer(answer, msgspec.Raw))

    def exchange(self, line: bytes) -> bytes:
        """Send one line once and return the line that answers it, both without their newline."""
        return self._answer(line + b"\n", self.timeout, repeat=False)

    def lease(self, acquired: AcquireNextNodeResult) -> Lease:
        """Hold an acquired node for the length of a `with` block: see `Lease`."""
        return Lease(acquired, self._ask_patiently, self._heartbeats)

    def lock(self, resource_key: str, **fields: Unpack[LockFields]) -> Lock:
        """Hold a lock on a resource for the length of a `with` block: see `Lock`.

        The fields are those of `acquire_resource_lock`, but that `wait_secs` may be any time, and
        that a `file:` or `dir:` key may be relative to the current directory, or begin with `~`.
        Entering the block raises `LockHeld`, which says who has it, or as that call does.
        """
        return Lock(resource_key, fields, self.ask, self._ask_patiently, self._heartbeats)

    def close(self) -> None:
        """Close the connections that are idle; the next call opens another."""
        idle, self._idle = self._idle, []
        _close(idle)

    def _ask_patiently(self, request: Request[Result]) -> Result:
        """As `ask`, where work is at stake: a daemon that is not there is waited for."""
        line = request_line(request.method, request.params)
        answer = self._answer(line, self.timeout, repeat=True, patient=True)
        return decode_answer(answer, request.result)

    def _answer(self, line: bytes, timeout: float, *, repeat: bool, patient: bool = False) -> bytes:
        """The line that answers this one, sent again after a lost connection where it may be."""
        deadline = time.monotonic() + timeout
        connection, idle, failure = self._take(), self._idle, None
        if connection is not None:
            try:
                answer = connection.exchange(line, timeout)
            except DaemonUnreachable as error:
                failure = error
            else:
                self._give_back(connection, idle)
                return answer
        repeats = Repeats(timeout, failure, repeat=repeat, patient=patient)
        while True:
            wait = repeats.next_wait(deadline - time.monotonic())
            if repeats.has_lost:
                self.close()  # what one connection lost, the others lost as well
                time.sleep(wait)
            left = deadline - time.monotonic()
            repeats.check_time(left)
            try:
                return self._answer_anew(line, left)
            except DaemonUnreachable as error:
                repeats.record(error)

    def _answer_anew(self, line: bytes, seconds: float) -> bytes:
        """The line that answers this one, on a connection that is made for it."""
        deadline, idle = time.monotonic() + seconds, self._idle
        connection = Connection(self.address, seconds)
        answer = connection.exchange(line, max(deadline - time.monotonic(), 0))
        self._give_back(connection, idle)
        return answer

    def _take(self) -> Connection | None:
        """An idle connection. After a fork they are the parent's, who may be using them."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self.close()
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _give_back(self, connection: Connection, idle: list[Connection]) -> None:
        if connection.is_open:
            idle.append(connection)
        if idle is not self._idle:  # the client was closed during the call
            _close(idle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _close(idle: list[Connection]) -> None:
    with contextlib.suppress(IndexError):  # another thread may close them too
        while True:
            idle.pop().close()
