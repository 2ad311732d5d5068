"""How the shells ask `agentd complete` for tasks, nodes, limits and labels.

The rule this file keeps: what it prints is never evaluated. In bash that rules out `compgen -W`,
which expands the words of its list.
"""

import argparse
from collections.abc import Mapping

_BASH = r"""
# Prints the candidates that begin with $1; $2 says of what.
_agentd_candidates() {
  local word
  while IFS=$'\t' read -r word _; do
    [[ "$word" == "$1"* ]] && printf '%s\n' "$word"
  done < <(agentd complete "$2" "$COMP_LINE" 2>/dev/null)
}
_agentd_tasks() { _agentd_candidates "$1" tasks; }
_agentd_nodes() { _agentd_candidates "$1" nodes; }
_agentd_limits() { _agentd_candidates "$1" limits; }
_agentd_labels() { _agentd_candidates "$1" labels; }
"""

_ZSH = r"""
_agentd_candidates() {
  local -a found
  found=("${(@f)$(agentd complete "$1" "${words[*]}" 2>/dev/null)}")
  found=("${(@)found:#}")
  found=("${(@)found/$'\t'/:}")
  (( $#found )) && _describe -V "$1" found
}
_agentd_tasks() { _agentd_candidates tasks }
_agentd_nodes() { _agentd_candidates nodes }
_agentd_limits() { _agentd_candidates limits }
_agentd_labels() { _agentd_candidates labels }
"""

PREAMBLES = {"bash": _BASH, "zsh": _ZSH}
"""What stands before the script of a shell."""


def completer(action: argparse.Action, verb: str) -> Mapping[str, str] | None:
    """What completes an argument of a verb from the daemon, as shtab takes it, by shell."""
    if (what := _kind(action, verb)) is None:
        return None
    line = " (commandline -pc)" if what == "nodes" else ""
    return {
        "bash": f"_agentd_{what}",
        "zsh": f"_agentd_{what}",
        "fish": f"(agentd complete {what}{line} 2>/dev/null)",
    }


def _kind(action: argparse.Action, verb: str) -> str | None:
    if action.metavar == "TASK" or action.option_strings == ["--task"]:
        return "tasks"
    if action.metavar == "NODE":
        return "nodes"
    if action.option_strings == ["--limit"] and action.metavar == "NAME":
        return "limits"
    if action.metavar == "NAME" and not action.option_strings:
        return "limits" if verb.startswith("agentd limit ") else None
    return "labels" if action.metavar == "LABEL" else None
