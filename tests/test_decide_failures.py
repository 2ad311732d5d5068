"""What a failure decides: another try after a pause, or the end of the node."""

import pytest
from msgspec.structs import replace

from agentd.decide.retries import pause_ms
from agentd.errors import IllegalTransition, StaleLease
from agentd.events import NodeFailed, NodeReleased, NodeSettings, Retry
from agentd.journal import Draft
from tests.core import NOW, context
from tests.given import (
    COMPLETED,
    FAILED,
    LEASE,
    NODE,
    OTHER_LEASE,
    PENDING,
    RUNNING,
    given,
    held,
    node,
)

OWNER = "worker-1"
TWICE = NodeSettings(retry=Retry(max_attempts=2))
SECOND = replace(RUNNING, attempt=2, counted=1, last_end_seq=7)
TRIED_AGAIN = replace(PENDING, last_lease=LEASE, attempt=1, counted=1, last_end_seq=9)


def failed(status: str = "PENDING", **more: object) -> NodeFailed:
    return NodeFailed(LEASE, status, lease_owner=OWNER, **more)  # type: ignore[arg-type]


def test_a_failure_is_tried_again_after_its_pause() -> None:
    """With attempts left the node is PENDING, and waits for a second where it says no more."""
    given(node(RUNNING, settings=TWICE)).when("FailNode", **held(), payload=1, kind="k").then(
        Draft(failed(kind="k", not_before=NOW + 1_000), NODE, b"1")
    )


def test_the_last_attempt_fails_the_node() -> None:
    """Those that counted are counted; the ending knows the one before it."""
    given(node(SECOND, settings=TWICE)).when("FailNode", **held()).then(
        Draft(failed("FAILED", attempt=2, previous=7), NODE, b"null")
    )


def test_a_node_without_retry_fails_for_good() -> None:
    """As ever, whatever is asked for; so does one with an empty retry: one attempt is all."""
    for settings in (NodeSettings(), NodeSettings(retry=Retry())):
        given(node(RUNNING, settings=settings)).when("FailNode", **held(), retry_after_secs=5).then(
            Draft(failed("FAILED"), NODE, b"null")
        )


def test_a_holder_may_say_that_it_is_no_use() -> None:
    """`retryable: false` fails the node, attempts left or not."""
    given(node(RUNNING, settings=TWICE)).when("FailNode", **held(), retryable=False).then(
        Draft(failed("FAILED"), NODE, b"null")
    )


def test_a_holder_may_say_when() -> None:
    """`retry_after_secs` is exact, in the place of the pause; 0 is at once."""
    for seconds, moment in ((2.5, NOW + 2_500), (0, None)):
        given(node(RUNNING, settings=TWICE)).when(
            "FailNode", **held(), retry_after_secs=seconds
        ).then(Draft(failed(not_before=moment), NODE, b"null"))


def test_a_failure_may_satisfy_the_dependents() -> None:
    """`on_failure: continue`, once the failure is final."""
    settings = NodeSettings(retry=TWICE.retry, on_failure="continue")
    [draft] = given(node(RUNNING, settings=settings)).when("FailNode", **held()).drafts()
    assert draft.event == failed(not_before=NOW + 1_000)
    [draft] = given(node(SECOND, settings=settings)).when("FailNode", **held()).drafts()
    assert draft.event == failed("FAILED", attempt=2, previous=7, satisfies=True)


# Pauses


@pytest.mark.parametrize(
    ("retry", "attempts", "chance", "pause"),
    [
        (Retry(), 1, 0.5, 1_000),
        (Retry(), 3, 0.5, 4_000),
        (Retry(), 1, 0, 800),
        (Retry(), 1, 1, 1_200),
        (Retry(), 1_000, 0.5, 300_000),
        (Retry(backoff_secs=10, factor=1, jitter=0), 9, 0, 10_000),
        (Retry(backoff_secs=3, factor=3, jitter=1), 2, 0, 0),
        (Retry(backoff_secs=3, factor=3, jitter=1), 2, 1, 18_000),
        (Retry(backoff_secs=400, jitter=0), 1, 0.5, 300_000),
        (Retry(backoff_secs=400, max_backoff_secs=1_000, jitter=0), 2, 0.5, 800_000),
        (Retry(backoff_secs=0), 1_000, 0, 0),
        (Retry(backoff_secs=0, factor=1e308), 1_000, 1, 0),
        (Retry(backoff_secs=0.001, factor=1e308, jitter=1), 1_000, 0.5, 300_000),
        (Retry(max_backoff_secs=0), 1, 1, 0),
    ],
)
def test_a_pause(retry: Retry, attempts: int, chance: float, pause: int) -> None:
    """Backoff · factor^(k-1), spread evenly within ± jitter of it, then cut to the longest."""
    assert pause_ms(retry, attempts, chance) == pause


def test_chance_comes_in_with_the_context() -> None:
    """The same draw gives the same pause."""
    [draft] = (
        given(node(RUNNING, settings=TWICE))
        .when("FailNode", context(random=lambda: 0.0), **held())
        .drafts()
    )
    assert draft.event == failed(not_before=NOW + 800)


# ReleaseNode


def test_a_node_is_given_back() -> None:
    """Without blame: PENDING, with the reason for the next holder."""
    given(node(RUNNING)).when("ReleaseNode", **held(), reason="lunch").then(
        Draft(NodeReleased(LEASE, "PENDING", lease_owner=OWNER), NODE, b'"lunch"')
    )


def test_a_node_is_given_back_for_later() -> None:
    """`after_secs` is the moment before which it is not handed out."""
    given(node(SECOND)).when("ReleaseNode", **held(), after_secs=1.5).then(
        Draft(NodeReleased(LEASE, "PENDING", 2, 7, OWNER, NOW + 1_500), NODE)
    )


# Repeats


@pytest.mark.parametrize(
    ("method", "end"),
    [("FailNode", failed()), ("ReleaseNode", NodeReleased(LEASE, "PENDING"))],
)
def test_a_repeat_of_what_left_the_node_pending(method: str, end: NodeFailed) -> None:
    """The lease that ended the attempt may say so again; another ending comes too late."""
    given(node(TRIED_AGAIN, last_end=end)).when(method, **held()).then()
    for other in {"CompleteNode", "FailNode", "ReleaseNode"} - {method}:
        given(node(TRIED_AGAIN, last_end=end)).when(other, **held()).refused(
            StaleLease, "became PENDING again"
        )


@pytest.mark.parametrize("how", ["timed_out", "expired"])
def test_what_the_daemon_ended_is_no_repeat(how: str) -> None:
    """Its holder did not fail it: it comes too late, and is told which state the node is in."""
    end = failed("FAILED", how=how)
    given(node(FAILED, last_end=end)).when("FailNode", **held()).refused(
        IllegalTransition, "FAILED"
    )
    given(node(TRIED_AGAIN, last_end=failed(how=how))).when("FailNode", **held()).refused(
        StaleLease
    )


def test_a_node_that_was_retried_is_nobodys() -> None:
    """The repeat of what failed it is stale: it is to be tried anew."""
    retried = replace(PENDING, attempt=1, last_end_seq=9)
    given(node(retried)).when("FailNode", **held()).refused(StaleLease, LEASE)


@pytest.mark.parametrize("row", [COMPLETED, FAILED, RUNNING])
def test_another_lease_gives_nothing_back(row: object) -> None:
    """Only the holder does."""
    given(node(row)).when("ReleaseNode", **held(OTHER_LEASE)).refused(StaleLease)  # type: ignore[arg-type]


def test_a_node_that_nobody_acquired_is_not_given_back() -> None:
    """There is no such edge."""
    given(node(PENDING)).when("ReleaseNode", **held()).refused(IllegalTransition, "PENDING")
