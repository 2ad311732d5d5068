"""What a rehearsal takes for granted, said beside its figures.

The rule this file keeps: nothing is assumed in silence. What did not come up is not told.
"""

from agentd.rehearsal.attempts import USUAL_MS
from agentd.rehearsal.play import Played
from agentd.rehearsal.policy import Policy
from agentd.rehearsal.recording import Recording

_ALWAYS = (
    (
        "work takes as long as it took: the n-th attempt of a node goes as its n-th attempt went, "
        "whoever works on it and however many work beside it"
    ),
    (
        "what people and other programs did comes at the moment when it came: registrations, "
        "limits, pauses; so does a gate's decision, or as long after its opening where that is "
        "later"
    ),
    "nodes that were added while one node worked are added by that node, as late in its work",
    (
        "an owner is as many workers as it held nodes at once; each takes the time between two "
        "nodes that it took, and offers all the labels that it ever offered"
    ),
    (
        "who never got a node is in no record, and is no worker; tasks in which nothing happened "
        "in that time, and all others where one is asked for, take neither workers nor limits nor "
        "locks"
    ),
)


def assumptions(recording: Recording, played: Played, policy: Policy) -> list[str]:
    """Those that matter here, each a sentence without its full stop."""
    found = [*_ALWAYS, *_about_workers(recording, played, policy)]
    if played.guessed:
        found.append(f"{_attempts(played.guessed)} of unknown length complete {_usual(recording)}")
    if played.repeated:
        found.append(
            f"{_attempts(played.repeated)} more than there were go as the last one of their node"
        )
    if played.refused:
        found.append(f"{played.refused:,} requests come to nothing, and nobody tries them again")
    if policy.lease_secs is not None or policy.workers is not None:
        found.append(
            "a worker heartbeats in time while it lives, unless it was seen to work for more than "
            "half of a lease without; who fell silent does so as late in its work"
        )
    if "timeout_ms" in policy.node:
        found.append(
            "what timed out would have gone on: it times out again, or fails when it did where "
            "there is no time-out any more"
        )
    if "max_attempts" in policy.retry:
        found.append(
            "an error that was final with attempts left is never tried again; any other is, while "
            "there are attempts left"
        )
    return found


def _about_workers(recording: Recording, played: Played, policy: Policy) -> list[str]:
    found = []
    if any(worker.profile[1] is not None for worker in played.workers):
        found.append("who worked on one task only, while there were others, keeps to it")
    if any(worker.away for worker in played.workers):
        found.append("who left work lying for more than a minute was away, and is again")
    if policy.workers is not None and policy.workers > len(recording.workers):
        found.append(
            "workers more than there were are there from the start, offer all labels, and take the "
            "usual time between two nodes"
        )
    if policy.workers is not None and policy.workers < len(recording.workers):
        found.append("of the workers those remain that worked on the most nodes")
    return found


def _usual(recording: Recording) -> str:
    if any(attempt.how == "completed" for attempt in recording.attempts):
        return "in the usual time of their task, the median"
    return f"after {USUAL_MS / 1000:g} s, as nothing was completed in that time"


def _attempts(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number:,} attempts"
