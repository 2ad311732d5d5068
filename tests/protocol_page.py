"""docs/protocol.md as a program reads it, and the rows that the program's own types ask for.

The types speak through their JSON Schemas, which DescribeInterface sends: whoever writes a client
from the page and whoever writes one from the schemas write the same.
"""

import json
import re
from typing import Any

import msgspec

from agentd.api import Params
from agentd.events import Retry
from agentd.methods import METHODS, Method
from tests.daemon_process import REPOSITORY
from tests.documents import Rows, rows, section

PAGE = REPOSITORY / "docs" / "protocol.md"

Schema = dict[str, Any]
Table = list[tuple[str, ...]]

LEFT_OUT = {
    "TaskStatusResult": {"counts", "nodes", "usage", "budget", "next"},  # what is not asked for
    "Retry": {each.name for each in msgspec.structs.fields(Retry)},  # what was not set
}
"""Fields of answers that may be missing although their types have a default for them. Other
defaults are for clients of a daemon that is older than the field.
"""

WORDS = {
    "Unix seconds": "Unix seconds",
    "Unix seconds, with their fraction": "Unix seconds with a fraction",
    "Unix seconds, or RFC 3339": "any moment",
    "the node's id, or its name in this task": "uuid or name",
    "the id or the name of a node of this request": "uuid or name",
    "the id or the name of a node of this request, or of the task": "uuid or name",
}
"""Types that the schemas tell by their description."""


# What the page says


def tables(markdown: str) -> dict[str, Rows]:
    """The tables, by what stands over their first column, without its backticks."""
    whole = re.findall(r"(?:^\|.*\n?)+", markdown, re.MULTILINE)
    return {table.split("|")[1].strip(" `"): rows(table) for table in whole}


def part(method: str) -> str:
    """What the page says of a method."""
    whole = section("Methods", PAGE)
    there = re.search(rf"^### {method}$\n(.*?)(?=^### |\Z)", whole, re.MULTILINE | re.DOTALL)
    assert there, f"{PAGE.name} has no part `### {method}` in `## Methods`"
    return there[1]


def check_table(where: str, head: str, expected: Table) -> None:
    """Fail with the rows that the table lacks, or has in vain; its last column is for people."""
    told = [tuple(row[:-1]) for row in tables(where).get(head, [])]
    lacking = [f"| {' | '.join(row)} | … |" for row in expected if row not in told]
    vain = [f"| {' | '.join(row)} | … |" for row in told if row not in expected]
    complaint = [f"{PAGE.name}: the table `{head}` lacks", *lacking, "and has in vain", *vain]
    assert lacking + vain == [], "\n".join(complaint)
    assert len(told) == len(expected), f"{PAGE.name}: the table `{head}` has a row twice"


# What the code says


def params_of(method: Method) -> Table:
    """The rows of a method's params, but for those that every method takes."""
    shared = {field.name for field in msgspec.structs.fields(Params)}
    fields = rows_of(_definitions(method.params)[method.params.__name__], sent=True)
    return [row for row in fields if row[0].strip("`") not in shared]


def result_of(method: Method) -> tuple[str, Table]:
    """What stands over the table of a method's result, and its rows."""
    schema = msgspec.json.schema(method.result)
    head = "result, or null" if {"type": "null"} in schema.get("anyOf", []) else "result"
    return head, rows_of(schema["$defs"][_outermost(schema)], sent=False)


def nested() -> dict[str, Table]:
    """The objects within params and results, by the names that the schemas have for them."""
    made: dict[str, Table] = {}
    for method in METHODS:
        for kind, sent in ((method.params, True), (method.result, False)):
            schema = msgspec.json.schema(kind)
            inner = sorted(schema["$defs"].keys() - {_outermost(schema)})
            made |= {name: rows_of(schema["$defs"][name], sent=sent) for name in inner}
    return made


def _outermost(schema: Schema) -> str:
    """The name of the object itself, which may be null."""
    name: str = schema.get("anyOf", [schema])[0]["$ref"].rpartition("/")[2]
    return name


def every_method() -> Table:
    """The rows of what every method takes."""
    return rows_of(_definitions(Params)[Params.__name__], sent=True)


def _definitions(kind: Any) -> dict[str, Schema]:
    defined: dict[str, Schema] = msgspec.json.schema(kind)["$defs"]
    return defined


def rows_of(schema: Schema, *, sent: bool) -> Table:
    """A row a field: its name and type, and where it is `sent` what it is when it is left out."""
    made: Table = []
    required, left_out = schema["required"], LEFT_OUT.get(schema["title"], set())
    for name, field in schema["properties"].items():
        # Null is a word of its own where it is answered, and where it has to be sent.
        is_told = name in required if sent else schema["title"] != "Retry"
        kind = type_of(field, null=is_told)
        if sent:
            made.append((f"`{name}`", kind, "required" if name in required else _default(field)))
        else:
            is_there = name not in left_out and (name in required or "default" in field)
            made.append((f"`{name}`", kind if is_there else f"{kind}, or left out"))
    return made


def _default(field: Schema) -> str:
    default = field.get("default")
    return "none" if default is None else f"`{json.dumps(default)}`"


def type_of(schema: Schema, *, null: bool) -> str:
    """The type in words; without `null` it goes without saying that null counts as left out."""
    if word := WORDS.get(schema.get("description", "")):
        return word
    if kinds := schema.get("anyOf"):
        words = [type_of(kind, null=null) for kind in kinds if kind != {"type": "null"}]
        is_null = len(words) < len(kinds) and null
        whole = {word.replace("number", "integer", 1) for word in words if word[:6] == "number"}
        words = [word for word in words if word not in whole]  # an integer is a number
        return " or ".join([*words, "null"] if is_null else words)
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    match schema.get("type"):
        case "array":
            word = f"array of {type_of(schema['items'], null=null)}"
        case "object" if values := schema.get("additionalProperties"):
            word = f"object of {type_of(values, null=null)}"
        case "string":
            word = _text(schema)
        case None:
            word = "any JSON"
        case other:
            word = other
    return word + _bounds(schema)


def _text(schema: Schema) -> str:
    if schema.get("format") == "uuid":
        return "uuid"
    return "moment" if schema.get("description", "").startswith("RFC 3339") else "string"


def _bounds(schema: Schema) -> str:
    """The bounds of a number, a length or a count, in words."""
    units = {"imum": "", "Length": " characters", "Items": "", "Properties": " keys"}
    for name, unit in units.items():
        least, most = schema.get(f"min{name}"), schema.get(f"max{name}")
        if least is not None and most is not None:
            return f", {least:,} to {most:,}{unit}"
        if least is not None:
            return f", at least {least:,}{unit}"
        if most is not None:
            return f", at most {most:,}{unit}"
    return ""


# The session

CHANGING = re.compile(
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    r"|(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)|(?P<fraction>\b1\d{9}\.\d{1,3}\b)|(?P<seconds>\b1\d{9}\b)"
)


def filled(request: str, ids: dict[str, str]) -> str:
    """The request with the daemon's ids; one that is new is the client's own choice."""
    for each in CHANGING.finditer(request):
        ids.setdefault(each[0], each[0])
    return CHANGING.sub(lambda each: ids[each[0]], request)


def compare(told: str, answer: str, ids: dict[str, str]) -> None:
    """Compare two answers. An id that the page has for the first time stands for the daemon's."""
    ours, theirs = list(CHANGING.finditer(told)), list(CHANGING.finditer(answer))
    for our, their in zip(ours, theirs, strict=False):
        if our.lastgroup == their.lastgroup == "id":
            ids.setdefault(our[0], their[0])
    expected = CHANGING.sub(lambda each: ids.get(each[0], f"<{each.lastgroup}>"), told)
    shown = CHANGING.sub(
        lambda each: each[0] if each.lastgroup == "id" else f"<{each.lastgroup}>", answer
    )
    assert shown == expected, f"the daemon answers\n< {answer}"
