"""A daemon that is older than this command line: it was not started anew after an upgrade.

The rule this file keeps: what the daemon says of itself decides, and it is asked only after a
refusal that an old one gives.
"""

import re

import msgspec

from agentd import __version__
from agentd.client import Client
from agentd.errors import Failure, InvalidParams, RequestRefused, UnknownMethod
from agentd.methods import BY_NAME

_UNKNOWN_FIELD = re.compile(r'(\w+): there is no field "(\w+)" in `\$`')
_MISSING_FIELD = re.compile(r"(\w+): `\$\.(\w+)` is missing")


class DaemonTooOld(Failure):
    """The daemon is older than this command line, and does not know what it was asked for."""


class _Method(msgspec.Struct):
    method: str
    aliases: list[str] = []


class _Interface(msgspec.Struct):
    """Of what DescribeInterface answers, what is asked of daemons of every age."""

    methods: list[_Method]
    version: str = "unknown"


def explain_age(refusal: RequestRefused) -> Exception:
    """`DaemonTooOld` where the daemon does not know what this agentd knows; else the refusal."""
    if (lacking := _lacking_field(refusal)) is None and not isinstance(refusal, UnknownMethod):
        return refusal
    try:
        with Client() as client:
            answer = client.raw_call("DescribeInterface", {})
        daemon = msgspec.json.decode(answer, type=_Interface)
    except (Failure, RequestRefused, msgspec.MsgspecError):
        return refusal
    lacking = lacking or _lacking_method(refusal, daemon)
    return refusal if lacking is None else DaemonTooOld(_describe_age(lacking, daemon.version))


def _lacking_field(refusal: RequestRefused) -> str | None:
    """A field that it does not know, or cannot do without, though the method here does."""
    if not isinstance(refusal, InvalidParams):
        return None
    if (found := _UNKNOWN_FIELD.match(refusal.message)) and found[2] in _fields(found[1]):
        return f"`{found[2]}` of {found[1]}"
    if (found := _MISSING_FIELD.match(refusal.message)) and not _fields(found[1]).get(
        found[2], True
    ):
        return f"{found[1]} without `{found[2]}`"
    return None


def _fields(method: str) -> dict[str, bool]:
    """The fields of a method's params here, and whether they are required."""
    if method not in BY_NAME:
        return {}
    return {each.name: each.required for each in msgspec.structs.fields(BY_NAME[method].params)}


def _lacking_method(refusal: RequestRefused, daemon: _Interface) -> str | None:
    """The method that was refused, if it is one of ours and none of the daemon's."""
    known = {name for each in daemon.methods for name in (each.method, *each.aliases)}
    words = re.findall(r"\w+", refusal.message.partition(";")[0])
    return next((word for word in words if word in BY_NAME and word not in known), None)


def _describe_age(lacking: str, version: str) -> str:
    which = (
        f"an earlier build of agentd {version} than this one"
        if version == __version__
        else f"agentd {version}, this is agentd {__version__}"
    )
    return (
        f"the daemon is {which}, and does not know {lacking}: stop it, and start it again with "
        "`agentd serve` of this one"
    )
