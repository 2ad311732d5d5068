"""`agentd help VERB`: what `agentd VERB --help` shows."""

import argparse

from agentd.cli.failures import Usage
from agentd.cli.verbs import parser

_DEEPEST = 2


def run(options: argparse.Namespace) -> int:
    """Print the help, and end. Raises `Usage` where there is no such verb."""
    words = options.words
    if len(words) > _DEEPEST:
        raise Usage("give a verb, or a group and its verb, such as `agentd help task list`")
    parser().parse_args([*words, "--help"])
    return 0
