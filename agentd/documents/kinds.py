"""The kinds of objects that a task file has: their fields, and what others call these.

The rule this file keeps: which fields the daemon knows is said by the API. What is here besides are
the words of people, and of other programs' plans.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from agentd.api import NodeDefaults, NodeSpec
from agentd.documents.spelling import plain

NAMES = ("name", "id", "key", "title")
"""The first of them that a node has is its name."""

DEPENDENCIES = ("dependencies", "depends_on", "dependsOn", "needs", "deps")
"""Names of one field."""

PAYLOAD = ("payload", "payload_schema")
"""Names of one field."""

NODES = ("nodes", "initial_nodes")
"""Names of one field."""

NODE_SETTINGS = tuple(
    field
    for field in NodeSpec.__struct_fields__
    if field not in (*NAMES, *DEPENDENCIES, *PAYLOAD, "gate")
)
"""The fields of a node that go on as they are."""

WORDS = ("attempts", "backoff", "timeout", "lease")
"""What a person says in the place of some of them."""


class ObjectKind(NamedTuple):
    """A kind of object.

    `own` are the fields that hold the user's own JSON, where null is a value; `goes_to` is the
    place of that in the request. A field that is not known goes into the field `else_into`; where
    there is none it is a fault, whose place is `else_under`. `others` are what fields are called
    elsewhere, `advice` is for names that are no field misspelled, `done` are names that may say
    that the work is done: the names of all three are plain.
    """

    fields: tuple[str, ...]
    own: Sequence[str]
    goes_to: str
    else_under: str
    else_into: Sequence[str] = ()
    others: Mapping[str, str] = {}
    advice: Mapping[str, str] = {}
    done: Collection[str] = ()


def _words_for(field: str, words: str) -> dict[str, str]:
    """What others call a field."""
    return {plain(word): field for word in words.split()}


def _advise(names: Iterable[str], words: str) -> dict[str, str]:
    return {plain(name): words for name in names}


_SETTINGS = {
    **_words_for("attempts", "retries max_attempts max_retries retry_count retry_limit tries"),
    **_words_for("backoff", "backoff_secs backoff_seconds retry_delay retry_backoff"),
    **_words_for("timeout", "time_limit max_time timeout_seconds timeout_minutes timeout_ms"),
    **_words_for("on_failure", "on_fail on_error"),
}

_IN_DEFAULTS = "put it under `node_defaults`, or under a node"
_OF_A_NODE = "put it under a node"
_EDGES = "each node says in its own `dependencies` what it waits for"

TASK = ObjectKind(
    (
        *("goal", *NODES, "context", "request_id", "priority", "node_defaults"),
        *("parent_task_id", "labels", "budget", "paused", "timeout", "timeout_secs", "dedupe_key"),
    ),
    ("context",),
    "$.context",
    "context",
    ("context",),
    {
        **_words_for(
            "nodes", "tasks task_list subtasks steps jobs stages phases items todos issues"
        ),
        **_words_for("goal", "title name objective description summary prompt task"),
        **_words_for("node_defaults", "defaults default_args"),
        **{word: field for word, field in _SETTINGS.items() if field == "timeout"},
    },
    {
        **_advise((*DEPENDENCIES, "edges", "links", "connections"), _EDGES),
        **_advise(PAYLOAD, _OF_A_NODE),
        **_advise((*NODE_SETTINGS, "gate"), _OF_A_NODE),
        **_advise((*WORDS, *NodeDefaults.__struct_fields__), _IN_DEFAULTS),
        **_advise((word for word in _SETTINGS if _SETTINGS[word] != "timeout"), _IN_DEFAULTS),
    },
)
DEFAULTS = ObjectKind(
    (*WORDS, *NodeDefaults.__struct_fields__),
    (),
    "$.node_defaults",
    "nodes",
    (),
    {**_words_for("requires", "labels label"), **_SETTINGS},
    {"priority": "put it beside `node_defaults`"},
)
NODE = ObjectKind(
    (*NAMES, *DEPENDENCIES, *PAYLOAD, *WORDS, *NODE_SETTINGS, "gate"),
    PAYLOAD,
    "$.initial_nodes[0].payload_schema",
    "payload",
    PAYLOAD,
    {
        **_words_for("dependencies", "dependency prereqs"),
        **_words_for("priority", "prio"),
        **_SETTINGS,
    },
    {},
    (*("status", "state", "done", "complete", "completed", "finished", "passes"),),
)

GATE = ObjectKind(
    ("ask", "timeout", "timeout_secs", "on_timeout"),
    (),
    "$.initial_nodes[0].gate",
    "ask",
    (),
    {
        **_words_for("ask", "question prompt text message title"),
        **_words_for("on_timeout", "default else"),
        **{word: field for word, field in _SETTINGS.items() if field == "timeout"},
    },
)
"""What somebody decides."""

ADDED = NODE._replace(fields=(*NODE.fields, "before"), goes_to="$.nodes[0].payload_schema")
"""A node that is added to a task."""

MORE = ObjectKind(
    (*NODES, "goal", "request_id"),
    (),
    "$",
    "nodes",
    (),
    {word: field for word, field in TASK.others.items() if field == "nodes"},
    _advise(
        (field for field in TASK.fields if field not in (*NODES, "goal", "request_id")),
        "the task has its own: only nodes are added to it",
    ),
)
"""What has nodes that are added to a task; a goal may be there, and is that of another."""

NOT_BEGUN = frozenset(
    (
        *("0", "no", "false", "pending", "todo", "open", "new", "planned", "notstarted"),
        *("ready", "queued", "blocked"),
    )
)
"""What a field that may say that the work is done says where it is not."""

WAITS = _words_for(
    "dependencies",
    "after run_after runs_after wait_for waits_for blocked_by follows parents context "
    "prerequisites predecessors upstream",
)
"""What other plans call `dependencies`, and some mean otherwise: where they name a node."""

LEADS = frozenset(
    ("before", "blocks", "unblocks", "next", "then", "downstream", "dependents", "successors")
)
"""What other plans call the way back: the nodes that wait for this one."""
