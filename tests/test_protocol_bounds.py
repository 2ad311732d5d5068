"""What a line may cost while it arrives and while it is looked at."""

import tracemalloc

import pytest

from agentd.decoding import decode
from agentd.errors import InvalidParams
from agentd.protocol import RejectedLine, Request, RequestParser


def nested(depth: int) -> bytes:
    """An array that nests so deep."""
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize("pairs", [*range(58, 70), 1_000])
@pytest.mark.parametrize(("depth", "refused"), [(120, False), (121, True)])
def test_depth_is_counted_to_the_bracket(pairs: int, depth: int, *, refused: bool) -> None:
    """Wherever on the line the depth is, and whatever was opened and closed before, it counts."""
    line = b'{"method":"M","params":[%b%b]}\n' % (b"[]," * pairs, nested(depth - 2))
    [message] = RequestParser().feed(line)
    assert isinstance(message, RejectedLine) == refused


def test_a_line_in_crumbs_takes_its_own_size() -> None:
    """Half a line that came two bytes at a time is kept as the bytes that it has."""
    requests = RequestParser()
    tracemalloc.start()
    for _ in range(50_000):
        requests.feed(b"xx")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 200_000


def test_a_large_value_is_quoted_by_its_start() -> None:
    """An error repeats the start of what does not fit, however long that is."""
    [request] = RequestParser().feed(
        b'{"method":"RegisterTask","params":{"goal":[%b1]}}\n' % (b"1," * 9_999)
    )
    assert isinstance(request, Request)
    with pytest.raises(
        InvalidParams, match=r"`\$\.goal`: Expected `str`, got `array`: \[1,1,"
    ) as no:
        decode(request)
    assert len(no.value.message) < 200
