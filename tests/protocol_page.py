"""docs/protocol.md as a program reads it, and the rows that the program's own types ask for.

The types speak through their JSON Schemas, which DescribeInterface sends: whoever writes a client
from the page and whoever writes one from the schemas write the same.
"""

import json
import re
from typing import Any

import msgspec

from agentd.api import Params
from agentd.methods import METHODS, Method
from tests.daemon_process import REPOSITORY
from tests.documents import Rows, rows, section

PAGE = REPOSITORY / "docs" / "protocol.md"

Schema = dict[str, Any]
Table = list[tuple[str, ...]]


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
    required = schema["required"]
    for name, field in schema["properties"].items():
        kind = type_of(field, sent=sent)
        if sent:
            made.append((f"`{name}`", kind, "required" if name in required else _default(field)))
        else:
            made.append((f"`{name}`", kind if name in required else f"{kind}, or left out"))
    return made


def _default(field: Schema) -> str:
    default = field.get("default")
    return "none" if default is None else f"`{json.dumps(default)}`"


def type_of(schema: Schema, *, sent: bool) -> str:
    """The type in words. What is sent as null counts as left out, so that goes without saying."""
    if kinds := schema.get("anyOf"):
        words = [type_of(kind, sent=sent) for kind in kinds if kind != {"type": "null"}]
        is_null = len(words) < len(kinds) and not sent
        return " or ".join([*words, "null"] if is_null else words)
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    match schema.get("type"):
        case "array":
            word = f"array of {type_of(schema['items'], sent=sent)}"
        case "object" if values := schema.get("additionalProperties"):
            word = f"object of {type_of(values, sent=sent)}"
        case "string":
            word = _text(schema)
        case None:
            word = "any JSON"
        case other:
            word = "Unix seconds" if schema.get("description") == "Unix seconds" else other
    return word + _bounds(schema)


def _text(schema: Schema) -> str:
    if schema.get("format") == "uuid":
        return "uuid"
    return "moment" if schema.get("description", "").startswith("RFC 3339") else "string"


def _bounds(schema: Schema) -> str:
    """The bounds of a number, a length or a count, in words."""
    units = {"imum": "", "Length": " characters", "Items": ""}
    for name, unit in units.items():
        least, most = schema.get(f"min{name}"), schema.get(f"max{name}")
        if least is not None and most is not None:
            return f", {least:,} to {most:,}{unit}"
        if least is not None:
            return f", at least {least:,}{unit}"
        if most is not None:
            return f", at most {most:,}{unit}"
    return ""
