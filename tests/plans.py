"""Reads plans as `agentd task import` does, and shows them in few words."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agentd.documents.faults import BadDocument
from agentd.plans.plan import Plan, PlanNode
from agentd.plans.reading import read_plan
from tests.daemon_process import REPOSITORY

EXAMPLES = sorted((REPOSITORY / "examples" / "plans").iterdir())


class Shown(NamedTuple):
    """A plan by its keys: what each node waits for, and the rest of it."""

    plan: Plan

    @property
    def needs(self) -> dict[str, list[str]]:
        """What each node waits for."""
        return {node.key: node.needs for node in self.plan.nodes}

    @property
    def not_taken(self) -> dict[str, int]:
        """What is not taken over: where it stands, and on which line."""
        return {each.where: each.line for each in self.plan.not_taken}

    @property
    def asked(self) -> dict[str, str]:
        """What is asked at each gate."""
        gates = [node for node in self.plan.nodes if "gate" in node.settings]
        return {node.key: node.settings["gate"].ask for node in gates}

    def node(self, key: str) -> PlanNode:
        """The node with that key."""
        return next(node for node in self.plan.nodes if node.key == key)

    def payload(self, key: str) -> Any:
        """What its worker finds."""
        return json.loads(bytes(self.node(key).payload))


def read(text: str | bytes, form: str | None = None, suffix: str = "") -> Shown:
    """The plan that is written there."""
    written = text if isinstance(text, bytes) else text.encode()
    return Shown(read_plan(written, "plan", form, suffix))


def read_example(name: str) -> Shown:
    """The plan of a file in `examples/plans`."""
    path = REPOSITORY / "examples" / "plans" / name
    return Shown(read_plan(path.read_bytes(), str(path), None, Path(name).suffix))


def faults(text: str | bytes, form: str | None = None) -> list[str]:
    """What is wrong with a plan, each fault with its line."""
    with pytest.raises(BadDocument) as refused:
        read(text, form)
    return [*refused.value.faults] or [str(refused.value).removeprefix("plan, ")]
