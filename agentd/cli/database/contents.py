"""What a database holds, as a person reads it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentd.backup.verify import Contents
    from agentd.move import Moved


def format_contents(found: "Contents | Moved") -> str:
    """So many tasks, and the journal's last place."""
    tasks = "1 task" if found.tasks == 1 else f"{found.tasks:,} tasks"
    return f"{tasks}, events up to seq {found.last_seq:,}"
