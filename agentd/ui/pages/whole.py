"""Payloads and logs in full, to be kept as files.

The rule this file keeps: a browser takes none of it for a page: it is plain text, to be saved.
"""

from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from agentd.text import quote
from agentd.ui.attempt_logs import has_log, whole_log
from agentd.ui.pages import asked
from agentd.ui.pages.page import lookout_of

_TYPE = "text/plain; charset=utf-8"


async def payload(request: Request) -> Response:
    """What a node was given, or what came of it, byte for byte."""
    task_id = asked.task_id(request)
    node_id, name = (request.path_params[each] for each in ("node", "name"))
    status = await lookout_of(request).client.node_status(task_id, node_id, at=asked.place(request))
    found = {"given": status.node.payload_schema, "result": status.node.result_payload}
    if status.checkpoint is not None:
        found["checkpoint"] = status.checkpoint.payload
    if name not in found:
        raise HTTPException(404, f"there is no {quote(name)} of this node")
    headers = _saved_as(f"{status.node.id}-{name}.json")
    return Response(bytes(found[name]), media_type=_TYPE, headers=headers)


async def context(request: Request) -> Response:
    """The context of a task, byte for byte."""
    task_id = asked.task_id(request)
    status = await lookout_of(request).client.task_status(task_id, fields=[])
    headers = _saved_as(f"{status.task.id}-context.json")
    return Response(bytes(status.task.context), media_type=_TYPE, headers=headers)


async def log(request: Request) -> Response:
    """What a command wrote, byte for byte."""
    stream, attempt = request.path_params["stream"], asked.number(request, "attempt", 1)
    try:
        task_id, node_id = (str(UUID(request.path_params[each])) for each in ("task", "node"))
    except ValueError:
        raise HTTPException(404, "the log of a node has the ids of its task and node") from None
    if stream not in ("stdout", "stderr") or attempt is None:
        raise HTTPException(404, "expected stdout or stderr, and the number of an attempt")
    if not has_log(task_id, node_id, attempt):
        raise HTTPException(404, f"nothing is kept here of attempt {attempt} of this node")
    pieces = whole_log(task_id, node_id, attempt, stream)
    headers = _saved_as(f"{node_id}-{attempt}.{stream}.txt")
    return StreamingResponse(pieces, media_type=_TYPE, headers=headers)


def _saved_as(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}"'}
