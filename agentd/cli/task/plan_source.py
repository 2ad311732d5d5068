"""Where a plan comes from, and what stands for it when it is imported again.

The rule this file keeps: a file is known by its form and its real path, however it was named and
whatever stands in it by now; what comes from standard input by what it calls itself, else by its
content. A task that was exported is known by its id, wherever the file is.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

from agentd.api.imports import LONGEST_SOURCE
from agentd.cli.payload import read_argument
from agentd.documents.faults import BadDocument
from agentd.plans.plan import Plan

_LARGEST = 512 * 1024 * 1024
"""Bytes of a plan: more of them are no plan that anybody wrote."""

_FOLDERS_ABOVE = 2
"""Folders above a plan of which one may be hidden."""


class PlanSource(NamedTuple):
    """What was written, what messages call it, the end of its name, and its real path."""

    written: bytes
    name: str
    suffix: str
    path: str | None


def read_plan_source(path: str) -> PlanSource:
    """What is written there, or on standard input for "-". Raises `BadDocument`, `Usage`."""
    if path == "-":
        return PlanSource(read_argument(path, "the plan"), "standard input", "", None)
    try:
        with Path(path).open("rb") as file:
            written = file.read(_LARGEST + 1)
        real = str(Path(path).resolve())
    except (OSError, ValueError) as error:  # a NUL in its name is no name
        told = getattr(error, "strerror", None) or str(error)
        raise BadDocument(f"{path} cannot be read: {told}") from error
    if len(written) > _LARGEST:
        raise BadDocument(f"{path} is larger than {_LARGEST >> 20} MiB: that is no plan")
    return PlanSource(written, path, Path(path).suffix, real)


def source_of(plan: Plan, given: PlanSource) -> str:
    """What stands for the plan: a repeat with it finds the task that there is."""
    if plan.form == "agentd" and plan.own_id is not None:
        return f"{plan.form}:{plan.own_id}"
    place = given.path or plan.own_id
    if place is not None and len(place) < LONGEST_SOURCE // 2 and _is_text(place):
        return f"{plan.form}:{place}"
    told = given.written if place is None else place.encode(errors="surrogateescape")
    return f"{plan.form}:sha256:{hashlib.sha256(told).hexdigest()}"


def goal_of(plan: Plan, given: PlanSource) -> str:
    """What is to be done; where the plan says nothing, the name of the file."""
    named = plan.goal.strip() or ("" if given.path is None else _file_name(Path(given.path)))
    goal = named or f"a plan from {given.name}"
    return goal if _is_text(goal) else ascii(goal)


def _file_name(path: Path) -> str:
    """Its name; below a hidden folder, as each project has one, from the project on."""
    above = [*path.parents][:_FOLDERS_ABOVE]
    depth = next((at for at, each in enumerate(above) if each.name.startswith(".")), None)
    return path.name if depth is None else str(Path(*path.parts[-depth - 3 :])).lstrip("/")


def _is_text(words: str) -> bool:
    try:
        words.encode()
    except UnicodeEncodeError:  # the name of a file may be any bytes
        return False
    return True
