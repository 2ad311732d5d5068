"""What `agentd rehearse` takes."""

from agentd.cli.time_arguments import moment_ago
from agentd.cli.usage import Parser


def rehearse(verb: Parser) -> None:
    """`agentd rehearse`."""
    verb.add_argument(
        "--task",
        metavar="ID",
        help="what happened in this task alone, all of it unless --since says from when on",
    )
    verb.add_argument(
        "--since",
        metavar="TIME",
        type=moment_ago,
        help="what happened since then: 12h (ago), 2026-01-31T12:00:00Z, or Unix seconds; "
        "left out: since yesterday, 24h",
    )
    verb.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="another setting; may be given again. Without any, what happened comes out again",
    )
    verb.details = _settings


def _settings() -> str:
    """What may be set."""
    from agentd.rehearsal.policy import NAMED, SETTINGS

    listed = [(f"{name}={kind.example}", kind.means) for name, kind in SETTINGS.items()]
    listed += [(f"{name}.NAME={kind.example}", kind.means) for name, kind in NAMED.items()]
    width = max(len(example) for example, _means in listed)
    lines = [f"  {example:{width}}  {means}" for example, means in listed]
    return "\n".join(("settings, of all nodes, or of one limit or unit:", *lines, ""))
