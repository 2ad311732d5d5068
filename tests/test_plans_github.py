"""Workflows of GitHub Actions: jobs, what they need, and what a matrix makes of them."""

import pytest

from tests.plans import faults, read, read_example

JOB = "jobs:\n  a: {runs-on: x, steps: []%s}\n"


def test_the_example() -> None:
    """A matrix with its exclusions, a condition, and a job that is for failures only."""
    shown = read_example("github.yml")
    tests = [f"test (ubuntu-latest, {version})" for version in ("3.11", "3.12")]
    tests += ["test (windows-latest, 3.12)", "test (ubuntu-latest, 3.13, true)"]
    assert shown.needs == {
        "lint": [],
        **{test: ["lint"] for test in tests},
        "docs": ["lint"],
        "publish: if": [*tests, "docs"],
        "publish": ["publish: if"],
    }
    assert shown.node("docs").settings == {"on_failure": "continue"}
    assert shown.node("lint").settings == {"timeout_secs": 600}
    assert shown.payload(tests[3])["matrix"]["experimental"] is True
    assert shown.payload("publish")["title"] == "Publish to the index"
    assert len(shown.payload("lint")["steps"]) == 2
    assert shown.not_taken["jobs.tell"] == 46
    assert {"on", "permissions", "jobs.test.runs-on"} <= shown.not_taken.keys()


@pytest.mark.parametrize(
    ("matrix", "labels"),
    [
        ("{v: [1, 2]}", ["1", "2"]),
        ("{v: [1.10], w: [x]}", ["1.10, x"]),
        ("{v: [1, 2], include: [{v: 2, w: y}]}", ["1", "2, y"]),
        ("{v: [1], include: [{w: y}]}", ["1, y"]),
        ("{v: [1], include: [{v: 3}]}", ["1", "3"]),
        ("{include: [{v: 1}, {v: 2}]}", ["1", "2"]),
        ("{v: [1, 2], w: [a, b], exclude: [{v: 1}]}", ["2, a", "2, b"]),
    ],
)
def test_a_matrix(matrix: str, labels: list[str]) -> None:
    """It is spread out as GitHub's documents say, a version spelled as it was written."""
    keys = [*read(JOB % f", strategy: {{matrix: {matrix}}}").needs]
    assert keys == [f"a ({label})" for label in labels]


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        ("'${{ fromJSON(needs.x.outputs.m) }}'", "`matrix`: it is an expression"),
        ("{v: '${{ fromJSON(x) }}'}", "`v`: it is an expression"),
        ("{v: [1], include: '${{ x }}'}", "`include`: it is an expression"),
        (f"{{v: {[*range(300)]}}}", "more than 256 combinations"),
        (
            f"{{a: &n {[*range(99)]}, b: *n, c: *n, exclude: [{{a: 1}}]}}",
            "more than 65,536 combinations",
        ),
        ("{v: [1], exclude: [{v: 1}]}", "no combination"),
        ("7", "expected an object of lists, got a number"),
    ],
)
def test_a_matrix_that_is_refused(matrix: str, told: str) -> None:
    """Nobody knows which jobs there are, or there are more than GitHub would run."""
    assert any(told in fault for fault in faults(JOB % f", strategy: {{matrix: {matrix}}}"))


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        ("success()", None),
        ("always()", None),
        ("${{ always() && github.ref == 'x' }}", "github.ref == 'x'"),
        ("!cancelled()", None),
        ("success() || failure()", None),
        ("(always()) && ! failure()", None),
        ("true", None),
        ("github.ref == 'a && (b' && !cancelled()", "github.ref == 'a && (b'"),
        ("always() &&(inputs.x)&&'y' == inputs.y", "(inputs.x) && 'y' == inputs.y"),
        ("(failure() || inputs.x)", "(failure() || inputs.x)"),
        ("github.event_name != 'push'", "github.event_name != 'push'"),
    ],
)
def test_a_condition(condition: str, asked: str | None) -> None:
    """It is a question, unless it says what holds anyway."""
    shown = read(JOB % f', if: "{condition}"')
    expected = {} if asked is None else {"a: if": f"a runs only if this holds: {asked}"}
    assert shown.asked == expected


def test_who_waits_for_a_job_that_is_left_out() -> None:
    """A job for failures is left out, and what waits for it is a fault: it would never run."""
    why = "its `if` holds only where another job has failed, or never"
    for condition in ("failure()", "cancelled() && x", "'!success()'", "false"):
        told = faults(f"jobs:\n  a: {{if: {condition}}}\n  b: {{needs: a}}\n")
        assert told == [f'line 3: "b" waits for "a", which is left out: {why}']


def test_a_condition_of_several_expressions_is_asked_as_it_was_written() -> None:
    """Signs within it are taken off only where they stand around all of it."""
    shown = read("on: push\njobs: {a: {if: '${{ github.ref }} == x && ${{ inputs.y }}'}}")
    assert shown.asked["a: if"].endswith("holds: ${{ github.ref }} == x && ${{ inputs.y }}")


def test_who_needs_a_job_that_is_left_out() -> None:
    """What runs whatever became of it waits for what that one needs; else it is a fault."""
    jobs = "on: push\njobs:\n  end: {needs: [b, sorry], if: %s}\n  a: {}\n  b: {}\n"
    jobs += "  sorry: {needs: a, if: failure()}\n"
    assert read(jobs % "always()").needs == {"end": ["b", "a"], "a": [], "b": []}
    (told,) = faults(jobs % "success()")
    assert '"end" waits for "sorry", which is left out' in told
