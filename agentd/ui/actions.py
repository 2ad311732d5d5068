"""What a person may do from a page, where whoever started it allowed that.

The rule this file keeps: a form is sent through the client like any other request, and what the
daemon answers or refuses is what the page says. Whoever comes back to a page sees what was done.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agentd.client import AsyncClient
from agentd.ui.lookout import Lookout

_MOST_BYTES = 64 * 1024
"""Of a form."""

_Form = Mapping[str, str]
_Action = Callable[[AsyncClient, str, _Form, str], Awaitable[Any]]

_NOT_ALLOWED = (
    "These pages were started for looking only. Start them with `agentd ui --allow-actions`, or "
    "type the command that stands beside the form"
)


async def _cancel(client: AsyncClient, task: str, form: _Form, by: str) -> object:
    return await client.cancel_task(task, reason=form.get("note") or None, by=by)


async def _pause(client: AsyncClient, task: str, form: _Form, by: str) -> object:
    return await client.pause_task(task, reason=form.get("note") or None, by=by)


async def _resume(client: AsyncClient, task: str, form: _Form, by: str) -> object:
    return await client.resume_task(task, reason=form.get("note") or None, by=by)


async def _retry(client: AsyncClient, task: str, form: _Form, by: str) -> object:
    return await client.retry_node(task, failed=True, reason=form.get("note") or None, by=by)


_OF_TASKS: Mapping[str, _Action] = MappingProxyType(
    {"cancel": _cancel, "pause": _pause, "resume": _resume, "retry": _retry}
)


async def on_task(request: Request) -> Response:
    """Cancel, pause, resume, or try again what failed. Raises what the daemon answers."""
    form = await _form(request)
    action, task = request.path_params["action"], request.path_params["task"]
    if action not in _OF_TASKS:
        raise HTTPException(404, "there is no such action on a task")
    await _OF_TASKS[action](request.app.state.acting, task, form, request.app.state.by)
    return await _back(request, f"/tasks/{quote(task)}")


async def on_node(request: Request) -> Response:
    """Approve, reject, or try again. Raises what the daemon answers."""
    form = await _form(request)
    task, node = request.path_params["task"], request.path_params["node"]
    client: AsyncClient = request.app.state.acting
    note, by = form.get("note") or None, request.app.state.by
    match request.path_params["action"]:
        case "retry":
            await client.retry_node(task, node, reason=note, by=by)
        case "approve":
            await client.decide_gate(task, node, "approve", by=by, note=note)
        case "reject":
            await client.decide_gate(task, node, "reject", by=by, note=note)
        case _:
            raise HTTPException(404, "there is no such action on a node")
    return await _back(request, form.get("back") or f"/tasks/{quote(task)}/nodes/{quote(node)}")


async def _form(request: Request) -> dict[str, str]:
    """What was filled in. Raises `HTTPException` where nothing may be done, or it is no form."""
    if not request.app.state.allow_actions:
        raise HTTPException(403, _NOT_ALLOWED)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, f"a form may have {_MOST_BYTES:,} bytes")
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))


async def _back(request: Request, where: str) -> Response:
    """To a page of ours that knows what was done."""
    lookout: Lookout = request.app.state.lookout
    await lookout.catch_up()
    is_ours = where.startswith("/") and not where.startswith(("//", "/\\"))
    return RedirectResponse(where if is_ours else "/", 303)
