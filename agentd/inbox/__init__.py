"""What waits for a person: gates, spent budgets, failed tasks, closed limits.

The rule this package keeps: whatever is in it has a command beside it that takes it out.
"""

from agentd.inbox.waiting import Inbox, Waiting, ask_inbox

__all__ = ["Inbox", "Waiting", "ask_inbox"]
