"""What a database holds, as a person reads it."""

from typing import TYPE_CHECKING

from agentd.quantities import format_count

if TYPE_CHECKING:
    from agentd.backup.verify import Contents
    from agentd.move import Moved


def format_contents(found: "Contents | Moved") -> str:
    """So many tasks, and the journal's last place."""
    return f"{format_count(found.tasks, 'task')}, events up to seq {found.last_seq:,}"
