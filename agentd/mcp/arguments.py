"""What tools take, in the words that a model reads.

The rule this file keeps: every word here is paid for in each conversation, so nothing is said that
a name says already.
"""

from typing import Annotated, Any

from pydantic import Field

LONGEST_WAIT = 50
"""Seconds: some clients give up a call after 60."""

Task = Annotated[
    str | None, Field(description="id, its beginning, or @ for the newest task, @2 the one before")
]
TaskOrAll = Annotated[
    str | None, Field(description="id, its beginning, or @ (newest); left out: all tasks")
]
Node = Annotated[str | None, Field(description="name, id, or the beginning or end of its id")]
HeldNode = Annotated[
    str | None, Field(description="name or id; left out: the one node that you hold")
]
Lease = Annotated[str | None, Field(description="only for a lease that another process acquired")]
Plan = Annotated[
    str | dict[str, Any],
    Field(
        description="YAML or JSON text, or an object: {goal, context?, nodes: {NAME: {needs: "
        "[NAMES]?, payload?, attempts?, timeout?, priority?, requires?, limits?, locks?, "
        "gate: QUESTION?}}}"
    ),
]
Additions = Annotated[
    str | dict[str, Any] | list[Any],
    Field(
        description="{nodes: {NAME: …}} as in register_plan, or a list of such nodes with a "
        "`name`; each may say `before: [NAMES]`"
    ),
]
DryRun = Annotated[bool, Field(description="only check it, and show its waves")]
Key = Annotated[
    str | None, Field(description="while a task with this key goes on, it is the answer")
]
Labels = Annotated[list[str] | None, Field(description="what you offer to nodes that require it")]
WaitSecs = Annotated[float, Field(ge=0, le=LONGEST_WAIT, description="wait so long for one")]
Json = Annotated[Any, Field(description="any JSON")]
Usage = Annotated[
    dict[str, float] | None, Field(description='used since told last: {"input_tokens": 900}')
]
Next = Annotated[bool, Field(description="also acquire a next node of the same task")]
Checkpoint = Annotated[bool, Field(description="the node's next holder goes on from this")]
EventType = Annotated[str, Field(description="a short word for the event", max_length=64)]
ErrorKind = Annotated[str | None, Field(description="such as rate_limit", max_length=64)]
Retryable = Annotated[bool, Field(description="false: it must not be tried again")]
RetryAfter = Annotated[float | None, Field(ge=0, description="seconds before it is tried again")]
After = Annotated[float | None, Field(ge=0, description="seconds before anybody gets it")]
Reason = Annotated[str | None, Field(max_length=2000)]
AfterSeq = Annotated[
    int | None, Field(ge=0, description="also events behind this seq; 0: the newest")
]
Offset = Annotated[int, Field(ge=0, description="`next` of the answer before")]
LockKey = Annotated[
    str, Field(description="file:PATH, dir:PATH (globs too), or free text such as port:8080")
]
Shared = Annotated[bool, Field(description="others may have it too, if they share it as well")]
WithNode = Annotated[bool, Field(description="it ends with the node that you hold")]
