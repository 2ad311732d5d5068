"""RegisterTask: a new task and its nodes, all or nothing.

The rule this file keeps: names are looked up here, so that all that is recorded are ids; and what a
node has of its own replaces what the task says for all.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from agentd import graph
from agentd.api import (
    EMPTY_OBJECT,
    NodeDefaults,
    NodeSpec,
    RegisterTaskParams,
    gate_of,
    is_id,
    or_default,
    own_settings,
)
from agentd.decide.context import Context
from agentd.decide.state import require_not_cancelled
from agentd.decide.usage import is_reached
from agentd.errors import InvalidGraph, TaskNotFound
from agentd.events import NodeAdded, NodeSettings, TaskCancelled, TaskRegistered
from agentd.journal import Draft

_NO_SETTINGS = NodeSettings()
_NO_DEFAULTS = NodeDefaults()


class Registration(Struct, frozen=True):
    """The state RegisterTask decides on: the new ids, and which of the nodes' are taken already.

    `result_seq` points at the registration of a task that goes on and bears the same `dedupe_key`;
    0 where there is none. `has_parent`: the parent that is named is there; `parent_cancelled` says
    how that was cancelled, if it was.
    """

    task_id: str
    node_ids: Sequence[str]
    taken: Sequence[str]
    version: int = 0
    result_seq: int = 0
    has_parent: bool = False
    parent_cancelled: TaskCancelled | None = None


def register_task(state: Registration, params: RegisterTaskParams, context: Context) -> list[Draft]:
    """A task and its nodes, if they form a graph of new nodes without a cycle.

    Nothing where a task goes on that bears the same `dedupe_key`.
    """
    if state.result_seq:
        return []
    _require_parent(state, params)
    nodes = list(zip(state.node_ids, params.initial_nodes, strict=True))
    named = ids_by_name(nodes)
    dependencies = check_graph(nodes, named, state.taken)
    of_task = settings_of_task(params.node_defaults, params.priority)
    registered = _registered(params, len(nodes), of_task, context.now)
    drafts = [Draft(registered, payload=or_default(params.context, EMPTY_OBJECT))]
    for position, (node_id, spec) in enumerate(nodes):
        needed = tuple(dependencies[node_id])
        settings = node_settings(spec, of_task)
        event = NodeAdded(position, needed, len(needed), "PENDING", spec.name, settings)
        drafts.append(Draft(event, node_id, or_default(spec.payload_schema, EMPTY_OBJECT)))
    return drafts


def _require_parent(state: Registration, params: RegisterTaskParams) -> None:
    if params.parent_task_id is None:
        return
    if not state.has_parent:
        raise TaskNotFound.of(params.parent_task_id)
    require_not_cancelled(params.parent_task_id, state.parent_cancelled)


def _registered(
    params: RegisterTaskParams, nodes: int, defaults: NodeSettings | None, now: int
) -> TaskRegistered:
    timeout = params.timeout_secs
    return TaskRegistered(
        params.goal,
        nodes,
        params.warnings,
        defaults,
        params.parent_task_id,
        params.labels,
        params.budget,
        is_reached(params.budget, {}),
        params.paused,
        None if timeout is None else now + round(timeout * 1000),
        params.dedupe_key,
        traceparent=params.traceparent,
    )


def check_graph(
    nodes: Sequence[tuple[str, NodeSpec]], named: Mapping[str, str], taken: Sequence[str]
) -> dict[str, list[str]]:
    """What each node depends on, by id. Raises `InvalidGraph` where it is no graph of new nodes."""
    dependencies = {node_id: _dependency_ids(node_id, spec, named) for node_id, spec in nodes}
    names = {node_id: name for name, node_id in named.items()}
    graph.check([node_id for node_id, _spec in nodes], dependencies, taken, names)
    return dependencies


def ids_by_name(nodes: Sequence[tuple[str, NodeSpec]]) -> dict[str, str]:
    """The nodes that have a name. Raises `InvalidGraph` where two have the same."""
    named: dict[str, str] = {}
    for node_id, spec in nodes:
        if spec.name is None:
            continue
        if spec.name in named:
            raise InvalidGraph(
                f"the name {spec.name!r} is given to two nodes: choose another for one of them",
                node_ids=[named[spec.name], node_id],
            )
        named[spec.name] = node_id
    return named


def _dependency_ids(node_id: str, spec: NodeSpec, named: Mapping[str, str]) -> list[str]:
    """The ids of what the node depends on; who is meant by a name and an id counts once.

    Raises `InvalidGraph` for a name that no node has.
    """
    if all(map(is_id, spec.dependencies)):
        return spec.dependencies
    for each in spec.dependencies:
        if each not in named and not is_id(each):
            label = node_id if spec.name is None else repr(spec.name)
            raise InvalidGraph(
                f"node {label} depends on {shorten(each)!r}, which is not a node of this request",
                node_ids=[node_id],
            )
    return list(dict.fromkeys(named.get(each, each) for each in spec.dependencies))


def shorten(name: str) -> str:
    """A name as a message repeats it."""
    most = 128  # no name is longer
    return name if len(name) <= most else f"{name[:most]}…"


def settings_of_task(defaults: NodeDefaults | None, priority: int) -> NodeSettings | None:
    """What the nodes have where they say nothing; None for nothing."""
    settings = own_settings(defaults or _NO_DEFAULTS, priority)
    return None if settings == _NO_SETTINGS else settings


def node_settings(spec: NodeSpec, defaults: NodeSettings | None) -> NodeSettings | None:
    """What the node says, and where it says nothing what its task does; None for neither."""
    if spec.gate is not None:
        return _gate_settings(spec, defaults)
    own = own_settings(spec, spec.priority or 0) if _has_settings(spec) else None
    if own is None or defaults is None:
        settings = own or defaults
        return None if settings == _NO_SETTINGS else settings
    return NodeSettings(
        defaults.priority if spec.priority is None else spec.priority,
        own.retry or defaults.retry,
        own.lease_ms or defaults.lease_ms,
        own.timeout_ms or defaults.timeout_ms,
        defaults.not_before if own.not_before is None else own.not_before,
        own.on_failure or defaults.on_failure,
        defaults.requires if own.requires is None else own.requires,
        defaults.limits if own.limits is None else own.limits,
        locks=own.locks,
    )


def _gate_settings(spec: NodeSpec, defaults: NodeSettings | None) -> NodeSettings:
    """A gate has its own, and the priority of its task: the defaults are for what is worked on."""
    priority = spec.priority if spec.priority is not None else defaults.priority if defaults else 0
    own = own_settings(spec, priority)
    return replace(own, gate=None if spec.gate is None else gate_of(spec.gate))


def _has_settings(spec: NodeSpec) -> bool:
    return not (
        spec.priority is None
        and spec.retry is None
        and spec.lease_secs is None
        and spec.timeout_secs is None
        and spec.not_before is None
        and spec.on_failure is None
        and spec.requires is None
        and spec.limits is None
        and spec.locks is None
    )
