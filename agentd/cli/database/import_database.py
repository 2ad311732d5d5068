"""`agentd import-database PATH`: what the earlier agentd left, taken over."""

import argparse
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import random

from agentd import config
from agentd.api import RuntimeMetrics
from agentd.cli.database.alone import be_alone
from agentd.cli.database.opening import open_server, opened_to_read
from agentd.cli.postgres_driver import require_driver
from agentd.cli.printing import print_data
from agentd.cli.progress_bar import show_progress
from agentd.cli.signals import stop_like_an_interrupt
from agentd.config import Settings
from agentd.daemon.clock import Clock, new_id, wall
from agentd.decide import Context
from agentd.earlier import Plan, make_plan, take_over
from agentd.errors import DatabaseRefused
from agentd.progress import Progress, begin
from agentd.quantities import format_count
from agentd.store import Reader, ServedStore
from agentd.store.memory import MemoryTx
from agentd.store.sqlite import SqliteStore
from agentd.store.sqlite.earlier import EarlierFile, opened_earlier
from agentd.text import printable

_MOST_ODD = 20
"""Lines about what is odd; more would hide the first ones. `--json` has them all."""


def run(options: argparse.Namespace) -> int:
    """Take over what is not here yet. Raises `Failure`, `StorageError`: it can be repeated then."""
    settings = config.load()
    stop_like_an_interrupt()
    os.umask(0o077)  # what is made here is for this user only
    _refuse_itself(options.path, settings)
    with ExitStack() as held:
        file = held.enter_context(opened_earlier(options.path))
        if not options.dry_run:
            _lock(held, settings)
        with show_progress() as progress:
            plan, now = _make_plan(file, settings, progress)
            if not options.dry_run:
                _take_over(file, settings, plan, now, progress)
    _report(file, plan, settings, options)
    return 0


def _refuse_itself(path: Path, settings: Settings) -> None:
    """Raise `DatabaseRefused` where the file is in the place of this agentd's own database."""
    if settings.server is None and os.path.realpath(path) == os.path.realpath(settings.database):
        raise DatabaseRefused(
            f"{path} is in the place of this agentd's own database: move it to another folder, "
            "with what is beside it, and give its name there"
        )


def _lock(held: ExitStack, settings: Settings) -> None:
    """Have the database for this program alone. Raises `AlreadyRunning` beside a daemon."""
    if settings.server is not None:
        require_driver("a database on a server")
        from agentd.store.postgres.intake import refuse_daemons

        refuse_daemons(settings.server.conninfo)
        return
    be_alone(held, settings, "what is taken over")


def _make_plan(file: EarlierFile, settings: Settings, progress: Progress) -> tuple[Plan, int]:
    """What is not here yet, and the moment as of which that is so."""
    with _reading(settings) as here:
        now = Clock(not_before=here.last_at()).now()
        advance = begin(progress, "reading events", file.counts["event_journal"])
        return make_plan(file, here, now, advance), now


@contextmanager
def _reading(settings: Settings) -> Iterator[Reader]:
    """The database that it goes to; an empty one where there is none yet."""
    if settings.server is None and not settings.database.exists():
        yield MemoryTx()
        return
    with opened_to_read(settings) as store, store.read() as reader:
        yield reader


def _take_over(
    file: EarlierFile, settings: Settings, plan: Plan, now: int, progress: Progress
) -> None:
    lease_ms = settings.node_timeout_secs * 1000
    context = Context(now, new_id, lease_ms, settings.context_event_limit, RuntimeMetrics(), random)
    with closing(_open(settings)) as store:
        take_over(file, store, plan, context, progress)


def _open(settings: Settings) -> ServedStore:
    if settings.server is not None:
        return open_server(settings.server)
    return SqliteStore.open(settings.database, wall())


def _report(file: EarlierFile, plan: Plan, settings: Settings, options: argparse.Namespace) -> None:
    target = settings.server or settings.database
    if options.json:
        _print_for_program(file, plan, str(target), dry_run=options.dry_run)
        return
    counts = f"{format_count(plan.tasks, 'task')}, {format_count(plan.nodes, 'node')}, "
    found = f"{counts}{format_count(plan.events, 'event')}, from {printable(file.path)} "
    if not (plan.tasks or plan.locks):
        print(f"nothing to take over: {printable(target)} has it all")
    elif options.dry_run:
        print(f"would be taken over: {found}into {printable(target)}")
    else:
        print(f"taken over: {found}into {printable(target)}")
    _print_leases(plan)
    if plan.before:
        print(f"{format_count(plan.before, 'task')} had been taken over before")
    for each in plan.odd[:_MOST_ODD]:
        print(f"note: {printable(each)}")
    if (more := len(plan.odd) - _MOST_ODD) > 0:
        print(f"and {more:,} more notes, which --json has")
    if not options.dry_run:
        print("found again, every one as it is in the file, and the file is as it was")


def _print_leases(plan: Plan) -> None:
    if plan.leases or plan.locks:
        held = f"{format_count(plan.leases, 'lease')} and {format_count(len(plan.locks), 'lock')}"
        print(f"{held} still held: whoever holds them goes on under the same ids")
    if plan.leases_run_out:
        print(
            f"{format_count(plan.leases_run_out, 'node')} PENDING again, as the lease had run out"
        )
    if plan.locks_run_out:
        print(f"{format_count(plan.locks_run_out, 'lock')} left out, as the time was over")


def _print_for_program(file: EarlierFile, plan: Plan, target: str, *, dry_run: bool) -> None:
    print_data(
        {
            "path": str(file.path),
            "schema": file.schema,
            "into": target,
            "dry_run": dry_run,
            "tasks": plan.tasks,
            "nodes": plan.nodes,
            "events": plan.events,
            "leases": plan.leases,
            "locks": len(plan.locks),
            "tasks_before": plan.before,
            "leases_run_out": plan.leases_run_out,
            "locks_run_out": plan.locks_run_out,
            "notes": plan.odd,
        }
    )
