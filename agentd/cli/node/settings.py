"""The settings of nodes that can be changed, as options of a verb."""

from agentd.cli.time_arguments import moment_ahead, whole_seconds
from agentd.cli.usage import Parser, duration, whole_number

SETTINGS = ("priority", "retry", "not_before", "lease_secs", "timeout_secs", "requires", "limits")
"""Those of `api.UPDATABLE`, which would cost every start the import of the decoders."""

OPTIONS = "--priority, --retry or --attempts, --not-before, --lease, --timeout, --require, --limit"
"""The options that change them, in the same order."""

_LARGEST_PRIORITY = 100
_MOST_ATTEMPTS = 1_000
_LONGEST_LEASE = 86_400
_LONGEST_ATTEMPT = 31_536_000


def add_settings(verb: Parser) -> None:
    """An option for each setting."""
    verb.add_argument(
        "--priority",
        metavar="N",
        type=whole_number(-_LARGEST_PRIORITY, _LARGEST_PRIORITY),
        help="-100 to 100, higher first",
    )
    verb.add_argument(
        "--retry", metavar="JSON", help="how often it is tried, such as '{\"max_attempts\": 5}'"
    )
    verb.add_argument(
        "--attempts",
        metavar="N",
        type=whole_number(1, _MOST_ATTEMPTS),
        help="how often it is tried, with the usual pauses, in the place of --retry",
    )
    verb.add_argument(
        "--backoff",
        metavar="DURATION",
        type=duration,
        help="the pause after the first of these --attempts; it doubles with each (1s)",
    )
    verb.add_argument(
        "--not-before",
        metavar="TIME",
        type=moment_ahead,
        help="it is not handed out sooner: 2h from now, or 2026-01-31T12:00:00Z",
    )
    verb.add_argument(
        "--lease",
        dest="lease_secs",
        metavar="DURATION",
        type=whole_seconds(1, _LONGEST_LEASE),
        help="how long its leases last",
    )
    verb.add_argument(
        "--timeout",
        dest="timeout_secs",
        metavar="DURATION",
        type=whole_seconds(1, _LONGEST_ATTEMPT),
        help="how long one attempt may take; a worker ends its command a little before that",
    )
    _add_names(verb, "--require", "requires", "LABEL", "labels, all of which a worker must offer")
    _add_names(verb, "--limit", "limits", "NAME", "limits of which it takes a slot")


def _add_names(verb: Parser, option: str, setting: str, metavar: str, what: str) -> None:
    verb.add_argument(
        option,
        dest=setting,
        metavar=metavar,
        action="append",
        help=f"{what}, in the place of those it has; give it again for more, or '' for none",
    )
