"""One tool: what the SDK makes of a function, and what it leaves open.

The rule this file keeps: an argument that no tool has is an error that names the one that was
meant, and whatever goes wrong is told so that a model can go on. Schemas say each thing once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import msgspec
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations

from agentd.mcp.agent import Agent
from agentd.mcp.faults import EXPECTED, told
from agentd.suggestion import closest_name
from agentd.text import quote

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
ADDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)
ENDS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
DECIDES = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
)

_OF_PLANS = ("goal", "context", "nodes")
"""What a model that knows task files may give without the plan around it."""

Call = Context[Agent, Any]
"""What a tool is given beside its arguments."""


def agent_of(call: Call) -> Agent:
    """Whose call it is; the first call says which program the agent is."""
    agent = call.request_context.lifespan_context
    client = call.session.client_params
    agent.introduce(client.client_info.name if client is not None else "agent")
    return agent


class AgentTool(Tool):
    """A tool that an agent calls."""

    async def run(
        self,
        arguments: dict[str, Any],
        context: Any,
        convert_result: bool = False,  # noqa: FBT001, FBT002 - as the SDK calls it
    ) -> Any:
        """Its answer, with what the agent has to be told. Raises `ToolError`."""
        call = cast("Call", context)
        agent = agent_of(call)
        with agent.calling():
            try:
                self._check_names(arguments)
                answer = await super().run(arguments, context)
            except ToolError as error:
                raise ToolError("\n".join([*agent.held.tell_news(), self._told(error)])) from error
        if news := agent.held.tell_news():
            answer["news"] = news
        return _result(answer) if convert_result else answer

    def _check_names(self, arguments: Mapping[str, Any]) -> None:
        """Raise `ToolError` for an argument that there is not."""
        known = list(self.parameters["properties"])
        for name in arguments:
            if name not in known:
                why = f"there is no argument {quote(name)}: {_hint(name, known)}"
                raise ToolError(told(self.name, ValueError(why)))

    def _told(self, error: ToolError) -> str:
        cause = error.__cause__
        if cause is None:
            return str(error)
        if isinstance(cause, EXPECTED):
            return told(self.name, cause)
        raise error  # a fault of our own, which the SDK logs and keeps to itself


def _hint(name: str, known: Sequence[str]) -> str:
    """Where what was meant by an argument belongs, of a tool that takes these."""
    if "plan" in known and name in _OF_PLANS:
        return f"it belongs into `plan`, as in {{{', '.join(_OF_PLANS)}}}"
    meant = closest_name(name, known)
    taken = ", ".join(known)
    return f"did you mean `{meant}`? It takes {taken}" if meant else f"it takes {taken}"


def _result(answer: dict[str, Any]) -> CallToolResult:
    """An answer for programs, and on one line for clients that pass on only text."""
    text = msgspec.json.encode(answer).decode()
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=answer)


def tool(function: Callable[..., Any], annotations: ToolAnnotations) -> Tool:
    """The tool that a function is: its name, its docstring and its annotations."""
    made = AgentTool.from_function(function, description=_description(function))
    made.annotations = annotations
    made.parameters = {**slim(made.parameters), "additionalProperties": False}
    if made.fn_metadata.output_schema is not None:
        made.fn_metadata.output_schema = slim(made.fn_metadata.output_schema)
    return made


def _description(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split())


def slim(schema: Any) -> Any:
    """A JSON schema without what says nothing: titles, defaults of null, the null that is left out.

    What is left out of a call is what null would say, so that only the other type is told.
    """
    if isinstance(schema, list):
        return [slim(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: {name: slim(each) for name, each in value.items()}
        if key in ("properties", "$defs")
        else slim(value)
        for key, value in schema.items()
        if not (key == "title" or (key == "description" and "properties" in schema))
        and not (key == "default" and value is None)
        and not (key == "additionalProperties" and value is True)
    }
    kinds = kept.get("anyOf", [])
    if {"type": "null"} in kinds:
        left = [each for each in kinds if each != {"type": "null"}]
        del kept["anyOf"]
        return {**kept, **(left[0] if len(left) == 1 else {"anyOf": left})}
    return kept
