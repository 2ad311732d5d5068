"""`agentd task import FILE|-`: a plan of another tool as a task, with what is done of it."""

import argparse
import shlex
from collections import Counter
from collections.abc import Sequence

from agentd.api.imports import LONGEST_SOURCE
from agentd.cli.daemon_warnings import print_warning
from agentd.cli.failures import Usage
from agentd.cli.no_collections import no_collections
from agentd.cli.printing import print_data
from agentd.cli.progress_bar import show_progress
from agentd.cli.remarks import say
from agentd.cli.repeating import say_how_to_repeat
from agentd.cli.screen import console, is_terminal, plain_text, print_fields, print_line
from agentd.cli.task.plan_shown import counts_of, show_plan
from agentd.cli.task.plan_source import goal_of, read_plan_source, source_of
from agentd.client import Client
from agentd.documents.nodes import replace_ids
from agentd.errors import InvalidGraph
from agentd.plans.plan import NotTaken, Plan, node_id
from agentd.plans.reading import read_plan
from agentd.plans.sending import Sent, send_plan

_MOST_TOLD = 40
"""Remarks on what is not taken over: `--json` has them all."""


def run(options: argparse.Namespace) -> int:
    """Import the plan. Raises `BadDocument`, or `RequestRefused` with the names of the nodes."""
    if options.source is not None and not 1 <= len(options.source) <= LONGEST_SOURCE:
        raise Usage(f"--source: expected 1 to {LONGEST_SOURCE:,} characters")
    given = read_plan_source(options.path)
    with no_collections():
        plan = read_plan(given.written, given.name, options.form, given.suffix)
    plan.goal = goal_of(plan, given)
    source = options.source or source_of(plan, given)
    if options.dry_run:
        if not options.json:
            _say_not_taken(plan.not_taken)
        show_plan(plan, source, as_json=options.json)
        return 0
    sent = _send(options, plan, source)
    if options.json:
        _print_for_program(plan, source, sent)
        return 0
    if sent.existing:
        _say_existing(source, sent)
    else:
        _say_not_taken(plan.not_taken)
    for told in sent.warnings:
        print_warning(told)
    if is_terminal():
        _show(plan, sent)
    else:
        print_fields(sent.task_id)
    return 0


def _send(options: argparse.Namespace, plan: Plan, source: str) -> Sent:
    form = "" if options.form is None else f" --from {options.form}"
    given = "" if options.source is None else f" --source {shlex.quote(options.source)}"
    paused = " --paused" if options.paused else ""
    again = f"agentd task import {shlex.quote(options.path)}{form}{given}{paused}"
    names = {node_id(source, node.key): node.called for node in plan.nodes}
    with (
        say_how_to_repeat(again, "the task may be imported, whole or in part"),
        Client() as client,
        show_progress() as progress,
    ):
        try:
            return send_plan(client, plan, source, paused=options.paused, progress=progress)
        except InvalidGraph as refusal:
            told = replace_ids(refusal.message, names)
            raise InvalidGraph(told, **refusal.data) from refusal


def _say_not_taken(not_taken: Sequence[NotTaken]) -> None:
    """Say what agentd has no counterpart for; what is alike is said once, and counted."""
    first: dict[tuple[str, str], NotTaken] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for each in not_taken:
        alike = (each.where.rpartition(".")[2].partition("[")[0], each.why)
        first.setdefault(alike, each)
        counts[alike] += 1
    for alike, each in [*first.items()][:_MOST_TOLD]:
        more = f" (and {counts[alike] - 1:,} more like it)" if counts[alike] > 1 else ""
        say(f"not taken over: line {each.line}, {each.where}: {each.why}{more}")
    if len(first) > _MOST_TOLD:
        say(f"not taken over: {len(first) - _MOST_TOLD:,} more; `--json` lists them all")


def _say_existing(source: str, sent: Sent) -> None:
    if sent.completed:
        say(f"an import of {source!r} had been cut off: it is whole now")
    else:
        say(
            f"already there: {source!r} was imported before, and nothing is changed; another "
            "`--source` imports it as a task of its own"
        )


def _print_for_program(plan: Plan, source: str, sent: Sent) -> None:
    printed = {
        "task_id": sent.task_id,
        "existing": sent.existing,
        "completed": sent.completed,
        "form": plan.form,
        "source": source,
        "not_taken": [each._asdict() for each in plan.not_taken],
    }
    if not sent.existing:  # else its plan may have been another one
        printed["names"] = {node.called: node_id(source, node.key) for node in plan.nodes}
    print_data({**printed, "warnings": sent.warnings} if sent.warnings else printed)


def _show(plan: Plan, sent: Sent) -> None:
    screen = console()
    print_line(screen, f"task   {sent.task_id}")
    print_line(screen, "goal   ", plain_text(plan.goal))
    if not sent.existing:
        print_line(screen, f"plan   {counts_of(plan)}")
    print_line(screen, f"look   agentd task show {sent.task_id}")
