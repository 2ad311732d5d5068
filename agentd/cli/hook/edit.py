"""`agentd hook edit`: an edit of what somebody else has locked is refused, and the agent told why.

The rule this file keeps: only a lock that is held now, by somebody else, and that names the file,
keeps it from being changed. Whatever cannot be found out lets the edit pass.
"""

import argparse
import json

from agentd.cli.hook.bounded import bounded_at_tool
from agentd.cli.hook.edited_paths import edited_paths
from agentd.cli.hook.session import Session
from agentd.cli.hook.telling import read_telling


def run(_options: argparse.Namespace) -> int:
    """Say no where one of the files is locked by somebody else; else nothing."""
    with bounded_at_tool():
        telling = read_telling()
        session = Session.of(telling)
        if session.may_have_daemon and (paths := edited_paths(telling)):
            from agentd.cli.hook.foreign_locks import refusal

            if (why := refusal(session.owner, paths)) is not None:
                told = {
                    "hookEventName": "PreToolUse",
                    "permissionDecision": "deny",
                    "permissionDecisionReason": why,
                }
                print(json.dumps({"hookSpecificOutput": told}), flush=True)
    return 0
