"""`agentd database move FROM TO`: all of a database into an empty one, of either engine."""

import argparse
import os

from agentd.cli.database.contents import format_contents
from agentd.cli.database.ends import fill, parse_end, reading
from agentd.cli.printing import print_data
from agentd.cli.progress_bar import show_progress
from agentd.cli.signals import stop_like_an_interrupt
from agentd.errors import BadSetting
from agentd.text import printable


def run(options: argparse.Namespace) -> int:
    """Move what is not moved yet. Raises `Failure`, `StorageError`: it can be repeated then."""
    source, target = parse_end("FROM", options.source), parse_end("TO", options.target)
    if source == target:
        raise BadSetting(f"FROM and TO are both {source}: name two databases")
    stop_like_an_interrupt()
    os.umask(0o077)  # what is made here is for this user only
    with show_progress() as progress, reading(source) as reader:
        moved = fill(target, reader, progress)
    if options.json:
        contents = {"tasks": moved.tasks, "last_seq": moved.last_seq}
        ends = {"from": str(source), "to": str(target)}
        print_data({**ends, "contents": contents, "moved": moved.brought})
        return 0
    if not moved.brought:
        print(f"nothing to move: {printable(target)} has it all")
        print(format_contents(moved))
        return 0
    print(f"moved: {moved.brought:,} events, from {printable(source)} to {printable(target)}")
    print(f"{format_contents(moved)}; hash chains and rows verified")
    print("what was moved from is as it was: set AGENTD_DATABASE_URL, and start the daemons")
    return 0
