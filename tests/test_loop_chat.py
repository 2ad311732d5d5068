"""One request to a chat endpoint, and how patiently it is repeated: real HTTP, no real waiting."""

import asyncio
import json
import re
import threading

import pytest

from agentd.errors import Failure
from agentd.loop.chat import ChatClient, Timeouts
from agentd.loop.failures import ChatFailed, PermanentFailure, TransientFailure
from agentd.loop.offline import ChatReply, Script
from agentd.loop.script import SCRIPT
from tests.free_port import free_port
from tests.loop_asking import KEY, MESSAGES, ask, ask_patiently, settings
from tests.loop_endpoint import (
    Endpoint,
    body,
    breaks_off,
    drops,
    echoes,
    finishes,
    hangs,
    refuses,
    says,
)


def failure(there: Endpoint, fault: Script, timeouts: Timeouts | None = None) -> ChatFailed:
    """How one request fails."""
    there.faults.append(fault)
    with pytest.raises(ChatFailed) as failed:
        ask(there, timeouts)
    assert KEY not in f"{failed.value} {failed.value!r} {failed.value.payload()}"
    return failed.value


# The request


def test_what_is_asked(there: Endpoint) -> None:
    """The model, the messages, the limits and the key go out; nothing is streamed."""
    ask(there)
    [asked] = there.asks
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.body == {
        "model": "deepseek-v4-flash",
        "messages": MESSAGES,
        "max_tokens": 120,
        "temperature": 0.2,
        "stream": False,
        "thinking": {"type": "disabled"},
    }


@pytest.mark.parametrize(
    ("model", "is_told"), [("deepseek-v4", True), ("deepseek-v4-pro", True), ("gpt-5", False)]
)
def test_only_models_that_know_thinking_are_told_not_to(
    there: Endpoint, model: str, *, is_told: bool
) -> None:
    """`thinking` is DeepSeek's: other endpoints may refuse what they do not know."""
    ask(there, DEEPSEEK_MODEL=model)
    assert ("thinking" in there.asks[0].body) == is_told


def test_what_is_answered(there: Endpoint) -> None:
    """The text, the tokens that were used, and the time that it took."""
    answer = ask(there)
    assert answer.completion.text == SCRIPT["synthesis"].strip()
    assert not answer.completion.is_cut
    assert answer.completion.usage is not None
    assert answer.completion.usage["completion_tokens"] == 64
    assert answer.latency_ms >= 0


def test_no_proxy_stands_before_loopback(there: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is not asked for our own machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    ask(there)
    assert len(there.asks) == 1


def test_a_proxy_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps a client from being made is known before any node fails of it."""
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://me:word@host")
    with pytest.raises(Failure, match="check HTTPS_PROXY") as failed:
        ChatClient(settings("https://api.example.com")).client()
    assert "word" not in str(failed.value)


# What an answer is worth


def test_an_answer_that_was_cut(there: Endpoint) -> None:
    """A text that reached the limit is an answer, and is known to be cut."""
    there.faults.append(says("x" * 1000))
    completion = ask(there).completion
    assert (len(completion.text), completion.is_cut) == (480, True)


def test_blank_lines_keep_a_connection_alive(there: Endpoint) -> None:
    """Blank lines before the JSON, which DeepSeek sends while a request waits, mean nothing."""
    choice = {"message": {"content": "hello"}, "finish_reason": "stop"}
    there.faults.append(body("\n\n\n" + json.dumps({"choices": [choice], "usage": None})))
    assert ask(there).completion[:2] == ("hello", False)


def test_what_no_tokens_are_left_for(there: Endpoint) -> None:
    """A model that spent its tokens before it wrote is not asked for the same again."""
    failed = failure(there, finishes("length", ""))
    assert isinstance(failed, PermanentFailure)
    assert failed.message == "the model used all of its 120 tokens before it wrote anything"
    assert failed.advice.startswith("raise DEEPSEEK_MAX_TOKENS")


def test_what_a_filter_stopped(there: Endpoint) -> None:
    """A filter would stop it again."""
    assert isinstance(failure(there, finishes("content_filter", "half a")), PermanentFailure)


PASSING: dict[str, Script] = {
    "an empty answer": finishes("stop", "  \n"),
    "no content": finishes("stop"),
    "broken off for lack of resources": finishes("insufficient_system_resource", "half a"),
    "not JSON": body("<html>busy</html>"),
    "not UTF-8": body(b'{"choices": "\xff"}'),
    "JSON of another form": body('{"choices": [{"text": "x"}]}'),
    "no choice": body('{"choices": []}'),
    "half of an answer": breaks_off,
    "no answer": drops,
    "429": refuses(429),
    "408": refuses(408),
    "500": refuses(500),
    "503": refuses(503),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes(there: Endpoint, fault: Script) -> None:
    """What may be better the next time is tried again, and then goes well."""
    there.faults.append(fault)
    answer, slept, told = ask_patiently(there)
    assert answer.completion.text
    assert (len(slept), len(told), len(there.asks)) == (1, 1, 2)


@pytest.mark.parametrize("timeouts", [Timeouts(read=0.1), Timeouts(whole=0.1)])
def test_an_answer_that_does_not_come(there: Endpoint, timeouts: Timeouts) -> None:
    """Neither silence nor a slow trickle is waited for without end."""
    end = threading.Event()
    failed = failure(there, hangs(end), timeouts)
    end.set()
    assert isinstance(failed, TransientFailure)
    assert re.match(r"no answer in \d\.\d s ", failed.message)


def test_nobody_listens() -> None:
    """An endpoint that is not there may be back."""
    nobody = settings(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TransientFailure, match="ConnectError"):
        asyncio.run(ChatClient(nobody).ask(MESSAGES))


FINAL = [
    (400, "DEEPSEEK_MODEL"),
    (401, "check DEEPSEEK_API_KEY"),
    (402, "top up the account"),
    (403, "DEEPSEEK_API_KEY"),
    (404, "check DEEPSEEK_BASE_URL and DEEPSEEK_MODEL"),
    (422, "DEEPSEEK_MAX_TOKENS"),
    (301, "check DEEPSEEK_BASE_URL"),
    (204, "check DEEPSEEK_BASE_URL"),
]


@pytest.mark.parametrize(("status", "advice"), FINAL)
def test_what_does_not_pass(there: Endpoint, status: int, advice: str) -> None:
    """What would be refused again fails at once, and says what the provider said and what to do."""
    there.faults.append(refuses(status, "because"))
    with pytest.raises(PermanentFailure) as failed:
        ask_patiently(there)
    assert advice in failed.value.advice
    assert failed.value.status == status
    assert failed.value.message.startswith(f"the endpoint answered {status}: ")
    assert len(there.asks) == 1


def test_a_redirect_is_not_followed(there: Endpoint) -> None:
    """The key goes to the endpoint that was set and to no other."""
    failed = failure(there, refuses(307, Location=f"{there.base_url}/elsewhere"))
    assert (failed.status, len(there.asks)) == (307, 1)


# What the endpoint says


@pytest.mark.parametrize("status", [401, 500])
def test_an_echo_of_the_key(there: Endpoint, status: int) -> None:
    """An error that repeats the Authorization header is told without the key."""
    told = failure(there, echoes(status)).message
    assert told.endswith("bad header: Bearer [key]")


def test_an_answer_that_repeats_the_key(there: Endpoint) -> None:
    """A text with the key in it becomes one without."""
    there.faults.append(says(f"the key is {KEY}"))
    assert ask(there).completion.text == "the key is [key]"


def test_no_half_of_a_key_is_left(there: Endpoint) -> None:
    """What is too long is shortened after the key was taken out, not through the middle of it."""
    told = failure(there, refuses(400, "x" * 490 + KEY + "y" * 100)).message
    assert told.endswith("x" * 490 + "[key]" + "y" * 5 + "…")


def test_an_error_of_another_form(there: Endpoint) -> None:
    """What is no JSON is repeated as text, on one line."""
    told = failure(there, lambda _: ChatReply(502, b"<html>\nbad\n gateway")).message
    assert told == "the endpoint answered 502: <html> bad gateway"


def test_an_answer_without_end(there: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is read up to a bound."""
    monkeypatch.setattr("agentd.loop.chat.LARGEST_ANSWER", 1000)
    assert "more than 1000 bytes" in failure(there, body("x" * 2000)).message
