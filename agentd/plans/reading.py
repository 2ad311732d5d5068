"""A plan in whichever form it is: recognised, and read.

The rule this file keeps: a form is told by what stands in the text; the name of the file decides
where nothing else does. What is none of them is refused with the names of those that there are.
"""

import codecs
import contextlib
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw

from agentd.documents import json_form
from agentd.documents.faults import BadDocument, DocumentText
from agentd.plans import exported
from agentd.plans.airflow import read_airflow
from agentd.plans.argo import read_argo
from agentd.plans.beads import read_beads
from agentd.plans.dagu import read_dagu
from agentd.plans.github import read_github
from agentd.plans.lines import parse_lines
from agentd.plans.plan import Plan
from agentd.plans.taskmaster import read_taskmaster
from agentd.plans.tekton import read_tekton
from agentd.text import malformed_reason

Read = Callable[[str, DocumentText], Plan]
Parse = Callable[[str, str], DocumentText]


class Form(NamedTuple):
    """A form of plans: what it is called, and how its text is parsed and read."""

    called: str
    parse: Parse
    read: Read


def _yaml(text: str, source: str) -> DocumentText:
    """The documents of a file; one in JSON is a list of that one."""
    if text.lstrip()[:1] == "{":
        one = json_form.parse_json(text, source)
        return DocumentText(b"[%b]" % one.json, lambda path: one.line_of(path[1:]), one.faults)
    from agentd.documents import yaml_form  # noqa: PLC0415 - JSON is read without it

    return yaml_form.parse_yaml_stream(text, source)


def _lines(text: str, _source: str) -> DocumentText:
    return parse_lines(text)


FORMS: Mapping[str, Form] = {
    "agentd": Form("a task that `agentd task export` wrote", _lines, exported.read_exported),
    "airflow": Form("a serialised DAG of Airflow", json_form.parse_json, read_airflow),
    "argo": Form("a workflow of Argo Workflows", _yaml, read_argo),
    "beads": Form("issues of Beads", _lines, read_beads),
    "dagu": Form("a workflow of Dagu", _yaml, read_dagu),
    "github": Form("a workflow of GitHub Actions", _yaml, read_github),
    "taskmaster": Form("tasks of Task Master", json_form.parse_json, read_taskmaster),
    "tekton": Form("a pipeline of Tekton", _yaml, read_tekton),
}
"""By name; a checklist (`markdown`) besides, which is read as it is."""

NAMES = (*sorted((*FORMS, "markdown")),)

_KEY = re.compile(r"""^["']?([A-Za-z_][\w-]*)["']?[ \t]*:""", re.MULTILINE)
_GROUP = re.compile(
    r"""^([ \t]*(?:-[ \t]*)?)["']?apiVersion["']?[ \t]*:[ \t]*["']?(\w+)""", re.MULTILINE
)
_ISSUE = re.compile(r"""\{\s*"(?:id|_type)"\s*:""")
_LISTED = re.compile(r"""\s*\[\s*\{(?=[^{}]*"issue_type"\s*:)""")
_BOX = re.compile(
    r"^[ \t>]*(?:[-*+]|\d+[.)])[ \t]+\[(?:[ \t]?.[ \t]?\](?:[ \t]|$)|[ xX]\]\S|\][ \t]+\S)",
    re.MULTILINE,
)
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_VERSION = re.compile(rb'"apiVersion"\s*:\s*"[^"]*"')
_GROUPS = {"argoproj": "argo", "tekton": "tekton"}
_TELLING = {
    "airflow": {"dag", "__version"},
    "github": {"jobs", "on"},
    "dagu": {"steps"},
    "taskmaster": {"tasks"},
    "beads": {"id", "title"},
}
"""By form, the fields of an object in JSON that tell it."""

_MOST_LOOKED_AT = 4 * 1024 * 1024
"""Characters in which the form is looked for."""


def read_plan(written: bytes, source: str, form: str | None = None, suffix: str = "") -> Plan:
    """The plan that is written there; `form` is one of `NAMES`, or None: then it is looked at.

    `suffix` is that of the file's name. Raises `BadDocument`, which names the document as `source`,
    with all that is wrong.
    """
    text = _decode(written, source)
    try:
        if text.lstrip()[:2] == "{{":
            told = "it is a template: import what its own tool, such as Helm, makes of it"
            raise BadDocument(f"{source} begins with `{{{{`: {told}")
        form = form or recognise(text, suffix)
        if form == "markdown":
            from agentd.plans.checklist import read_checklist  # noqa: PLC0415 - a library of its own

            return read_checklist(source, text)
        if form is None:
            if text.lstrip()[:1] == "{":
                json_form.parse_json(text, source)  # what is wrong with it is worth more
            raise BadDocument(f"{source} is in no form that is known; {_advice(text)}")
        return FORMS[form].read(source, FORMS[form].parse(text, source))
    except RecursionError as error:
        raise BadDocument(f"{source} is nested too deeply") from error


def _decode(written: bytes, source: str) -> str:
    try:
        text = written.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        told = f"{source} cannot be read: {malformed_reason(error)}"
        if written.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            told += "; it looks like UTF-16: save it as UTF-8"
        raise BadDocument(told) from error
    if not text.strip():
        raise BadDocument(f"{source} is empty: there is no plan in it")
    if (at := text.find("\0")) >= 0:
        line = text.count("\n", 0, at) + 1
        raise BadDocument(f"{source}, line {line}: a NUL character stands there: it is no text")
    return text


def recognise(text: str, suffix: str = "") -> str | None:
    """The form of a plan; None where it is none that is known."""
    if text.lstrip()[:1] == "{":
        return _recognise_json(text)
    if suffix.lower() in (".md", ".markdown", ".mdown"):
        return "markdown"
    start = _CODE.sub("", text[:_MOST_LOOKED_AT])  # a checklist may show any of the others
    return _recognise_yaml(start) or ("markdown" if _BOX.search(start) else None)


def _recognise_yaml(text: str) -> str | None:
    """By the fields that begin a line. A resource in a list is further in; so is text of a step."""
    groups = [(found[1], _GROUPS.get(found[2])) for found in _GROUP.finditer(text)]
    forms = [(before, form) for before, form in groups if form is not None]
    if (form := next((form for before, form in forms if not before), None)) is not None:
        return form
    keys = {found[1] for found in _KEY.finditer(text)}
    if "jobs" in keys and ("workflows" not in keys or keys & {"on", "true"}):
        return "github"  # with `workflows` and no event it is another tool's
    if "steps" in keys:
        return "dagu"
    return forms[0][1] if forms else None


def _advice(text: str) -> str:
    """What to do with a text in no form that is known."""
    keys = {found[1] for found in _KEY.finditer(text[:_MOST_LOOKED_AT])}
    if text.lstrip()[:1] == "{":
        with contextlib.suppress(msgspec.MsgspecError):  # numbers and characters beyond its own
            keys = {*msgspec.json.decode(text, type=dict[str, Raw])}
    if _LISTED.match(text):
        return (
            "it looks like a list of Beads' issues: give all of them, a line each, as `bd export`"
        )
    if {"task", "counts", "nodes"} <= keys:
        return "what `agentd task export` wrote for programs does not come back: leave out `--form`"
    if {"goal", "nodes"} <= keys:
        return "it looks like a task file: `agentd task register` takes it"
    return f"`--from FORM` says it: {', '.join(NAMES)}"


def _recognise_json(text: str) -> str | None:
    """By the fields of the first object: of the whole, or of its first line."""
    first = text.lstrip().partition("\n")[0]
    for part in (first, text):
        try:
            fields = msgspec.json.decode(part, type=dict[str, Raw])
        except msgspec.MsgspecError:
            continue
        return _form_of(fields)
    return "beads" if _ISSUE.match(first) else None  # a line of it may be broken


def _names(part: Raw | None) -> set[str]:
    """The names of an object's fields; none for anything else."""
    with contextlib.suppress(msgspec.MsgspecError):
        return {*msgspec.json.decode(b"{}" if part is None else part, type=dict[str, Raw])}
    return set()


def _form_of(fields: Mapping[str, Raw]) -> str | None:
    if exported.HEAD in fields:
        return "agentd"
    if "apiVersion" in fields:
        versions = [bytes(fields["apiVersion"]), *_VERSION.findall(bytes(fields.get("items", b"")))]
        told = b" ".join(versions).decode()
        return next((form for group, form in _GROUPS.items() if group in told), None)
    if b'"task_id"' in bytes(fields.get("tasks", b"")) or "__version" in _names(fields.get("data")):
        return "airflow"  # as its interface lists tasks, or a row of its table
    for form, names in _TELLING.items():
        if names <= fields.keys():
            return form
    return "taskmaster" if any(b'"tasks"' in bytes(each) for each in fields.values()) else None
