"""A workflow of GitHub Actions, in YAML.

The rule this file keeps: a job is a node with the job as its payload, its steps in it; a matrix is
spread out, a job's `if` is a gate. A matrix that is an expression is a fault: nobody knows which
jobs there are. A job that runs only where another failed is left out.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from agentd.documents.faults import DocumentText
from agentd.plans.builder import Builder
from agentd.plans.instead import LOCKS, UNKNOWN_IN_CONTEXT, UNKNOWN_IN_PAYLOAD, WORKER
from agentd.plans.job_condition import JobCondition, read_job_condition
from agentd.plans.job_settings import job_settings
from agentd.plans.left_out import reach_through
from agentd.plans.matrix import MOST_COMBINATIONS, Combination, add_combinations, combine
from agentd.plans.misnamed import fault_misnamed
from agentd.plans.part import Part, null_left_out, text_in
from agentd.plans.plan import Plan

_ROOT_NOTES = {
    "on": "agentd starts nothing by an event: register or import when it is to begin",
    "concurrency": LOCKS,
    "permissions": "agentd gives no tokens",
    "run-name": "the goal is the workflow's `name`",
}
_JOB_NOTES = {
    "runs-on": WORKER,
    "concurrency": LOCKS,
    "environment": "its rules are on the server: for an approval make a gate",
    "permissions": "agentd gives no tokens",
    "outputs": "what a node leaves is its result, which its dependents find",
    "uses": "the jobs of the workflow that is called are its own: this is one node",
}
_PAYLOAD = (
    *("if", "name", "needs", "strategy", "timeout-minutes", "continue-on-error"),
    *("container", "defaults", "env", "secrets", "services", "snapshot", "steps", "with"),
)
"""Fields of jobs that are read here, or are for the one who runs the job."""

_NOT_IN_PAYLOAD = {"needs", "strategy", "name"}
_CONTEXT = ("env", "defaults", "on", "concurrency", "permissions", "run-name", "name")
_UNKNOWN = "it is an expression: which jobs there are is known only there; write the values out"
_WRAPPED = re.compile(r"\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*", re.DOTALL)


def read_github(source: str, written: DocumentText) -> Plan:
    """The plan of a workflow. Raises `BadDocument`."""
    builder = Builder("github", source, written)
    documents = builder.documents()
    root = null_left_out(documents[0].fields("a workflow, an object with `jobs`"))
    if "true" in root:  # what a tool of YAML 1.1 makes of `on`
        root.setdefault("on", root.pop("true"))
    for other in documents[1:]:
        other.fault("a second document begins: a workflow is one")
    builder.note_each(root, _ROOT_NOTES)
    if "jobs" in root:
        _read_jobs(builder, root["jobs"])
    elif documents[0].kind == "an object":
        documents[0].fault("`jobs` is missing: it says what is to be done")
    for name in root.keys() - {*_CONTEXT, "jobs"}:
        builder.note(root[name], UNKNOWN_IN_CONTEXT)
    context = {name: part.raw for name, part in root.items() if name != "jobs"}
    goal = text_in(root, "name")
    return builder.plan(goal or "", context)


class _Job(NamedTuple):
    """A job: where it stands, its fields, and what its `if` says."""

    part: Part
    fields: Mapping[str, Part]
    condition: JobCondition


def _read_jobs(builder: Builder, written: Part) -> None:
    jobs: dict[str, _Job] = {}
    needs: dict[str, list[str]] = {}
    for key, part in written.fields("an object of jobs, by their ids").items():
        fields = null_left_out(part.fields("a job, an object with `steps`"))
        told = _condition(fields["if"]) if "if" in fields else ""
        jobs[key] = _Job(part, fields, read_job_condition(told))
        needs[key] = fields["needs"].texts("ids of jobs") if "needs" in fields else []
        if not jobs[key].condition.holds:
            why = "its `if` holds only where another job has failed or was skipped, or never"
            builder.note(part, f"the job is left out: {why}")
            builder.left_out[key] = why
    for key, job in jobs.items():
        if key not in builder.left_out:
            whatever = job.condition.says_more  # it runs behind a job that is skipped, too
            own = reach_through(key, needs, builder.left_out) if whatever else needs[key]
            _read_job(builder, key, job, own)


def _read_job(builder: Builder, key: str, job: _Job, needs: list[str]) -> None:
    part, fields = job.part, job.fields
    if "if" in fields:
        needs = _gate(builder, key, fields["if"], job.condition, needs)
    builder.note_each(fields, _JOB_NOTES)
    for unknown in fields.keys() - {*_JOB_NOTES, *_PAYLOAD}:
        builder.note(fields[unknown], UNKNOWN_IN_PAYLOAD)
    fault_misnamed(fields, "needs")
    payload = {name: each.raw for name, each in fields.items() if name not in _NOT_IN_PAYLOAD}
    if "name" in fields:
        payload["title"] = fields["name"].raw
    combinations = _combinations(builder, fields)
    settings = job_settings(builder, fields)
    add_combinations(builder, part, key, needs, payload, settings, combinations)


def _condition(part: Part) -> str:
    """What an `if` says, without the signs that make it an expression."""
    text = bytes(part.raw).decode() if part.kind in ("true", "false") else part.text() or ""
    wrapped = _WRAPPED.fullmatch(text)
    lines = (wrapped[1] if wrapped else text).strip().split("\n")
    return " ".join(line.strip() for line in lines)


def _gate(
    builder: Builder, key: str, part: Part, condition: JobCondition, needs: list[str]
) -> list[str]:
    """What a job waits for that runs under a condition."""
    if condition.says_more:
        told = "it runs here only where all that it needs has completed, or has `on_failure`"
        builder.note(part, told)
    if not condition.asked:
        return needs
    ask = f"{key} runs only if this holds: {condition.asked}"
    return [builder.add_gate(part, f"{key}: if", needs, ask)]


def _combinations(builder: Builder, job: Mapping[str, Part]) -> list[Combination] | None:
    """What a job is run for, once each; None where it has no matrix, or a faulty one."""
    matrix = _matrix(builder, job["strategy"]) if "strategy" in job else None
    if matrix is None:
        return None
    if matrix.kind == "a text":
        matrix.fault(f"`matrix`: {_UNKNOWN}")
        return None
    axes = null_left_out(matrix.fields("an object of lists"))
    exclude, include = _entries(axes.pop("exclude", None)), _entries(axes.pop("include", None))
    try:
        found = combine({name: _axis(part) for name, part in axes.items()}, exclude, include)
    except ValueError as error:
        matrix.fault(f"`matrix`: {error}")
        return None
    if len(found) > MOST_COMBINATIONS:
        matrix.fault(f"`matrix`: it has more than {MOST_COMBINATIONS} combinations")
        return None
    if not found and not matrix.place.faults:
        matrix.fault("`matrix`: it has no combination, so there is no job")
    return found or None  # what such a job needs is looked at, too


def _matrix(builder: Builder, written: Part) -> Part | None:
    if written.kind == "a text":
        written.fault(f"`strategy`: {_UNKNOWN}")
        return None
    strategy = null_left_out(written.fields())
    if "fail-fast" in strategy and strategy["fail-fast"].kind != "false":
        builder.note(strategy["fail-fast"], "a combination that fails stops none of the others")
    if "max-parallel" in strategy:
        builder.note(strategy["max-parallel"], "use a limit (`agentd limit set`)")
    return strategy.get("matrix")


def _axis(part: Part) -> list[Part]:
    if part.kind == "a text":
        part.fault(f"`{part.place.path[-1]}`: {_UNKNOWN}")
        return []
    return part.items("a list of values")


def _entries(part: Part | None) -> list[Mapping[str, Part]]:
    if part is None:
        return []
    if part.kind == "a text":
        part.fault(f"`{part.place.path[-1]}`: {_UNKNOWN}")
        return []
    return [each.fields("an object of values") for each in part.items()]
