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


def test_what_a_job_with_a_faulty_matrix_needs_is_looked_at() -> None:
    """All faults are told at once, that there is no job of that name among them."""
    for matrix in ("'${{ x }}'", "{v: []}", "{a: [1], exclude: [{a: 1}]}"):
        told = faults(JOB % f", needs: gone, strategy: {{matrix: {matrix}}}")
        assert len(told) == 2
        assert any('"a" waits for "gone", and there is none' in fault for fault in told)


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


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        ("failure() && inputs.x || inputs.y", "failure() && inputs.x || inputs.y"),
        (
            "always() && inputs.x || 'a || b' == inputs.y",
            "always() && inputs.x || 'a || b' == inputs.y",
        ),
        ("inputs.x || needs.b.result == 'failure'", "inputs.x || needs.b.result == 'failure'"),
        ("inputs.x && inputs.y || success()", None),
        ("failure() && inputs.x || cancelled()", "left out"),
    ],
)
def test_a_condition_with_an_or_outside_of_brackets(condition: str, asked: str | None) -> None:
    """`&&` joins before `||`, as in GitHub: the job runs where one of the alternatives holds."""
    shown = read(JOB % f', if: "{condition}"' + "  b: {}\n")
    if asked == "left out":
        assert shown.needs == {"b": []}
        return
    expected = {} if asked is None else {"a: if": f"a runs only if this holds: {asked}"}
    assert shown.asked == expected


def test_an_or_that_names_a_failure_is_listed() -> None:
    """Where it is that failure, the job runs there and does not here."""
    shown = read(JOB % ", if: failure() && inputs.x || inputs.y")
    assert "jobs.a.if" in shown.not_taken


def test_a_condition_in_large_letters() -> None:
    """GitHub takes them for small ones, in functions and in what is compared."""
    for condition in (
        "Always()",
        "needs.b.result == 'Success'",
        "!Contains(needs.*.result, 'Failure')",
    ):
        assert read(JOB % f', if: "{condition}"').asked == {}
    assert read(JOB % ", if: Failure()" + "  b: {}\n").needs == {"b": []}


def test_who_waits_for_a_job_that_is_left_out() -> None:
    """A job for failures is left out, and what waits for it is a fault: it would never run."""
    why = "its `if` holds only where another job has failed or was skipped, or never"
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


@pytest.mark.parametrize(
    ("matrix", "labels"),
    [
        ("{o: [{n: x, v: 1}, {n: y, v: 2}], exclude: [{o: {n: x}}]}", ["y, 2"]),
        ("{o: [{n: x}, {n: y}], include: [{o: {n: y}, w: z}]}", ["x", "y, z"]),
        ("{v: [3.8, 3.9], exclude: [{v: '3.8'}]}", ["3.9"]),
        ("{os: [Linux, macOS], exclude: [{os: linux}]}", ["macOS"]),
        ("{a: [[1, 2], [1, 3]], exclude: [{a: [1, 2]}]}", ["1, 3"]),
        ("{v: [true, false], exclude: [{v: 1}]}", ["false"]),
        ("{v: [x, y], exclude: [{v: {n: x}}]}", ["x", "y"]),
    ],
)
def test_what_an_entry_of_a_matrix_means(matrix: str, labels: list[str]) -> None:
    """Each value within it is compared as GitHub does, however deep, whatever its case or type."""
    keys = [*read(JOB % f", strategy: {{matrix: {matrix}}}").needs]
    assert keys == [f"a ({label})" for label in labels]


@pytest.mark.parametrize(
    ("matrix", "keys"),
    [
        ("{o: [{os: linux, on: [x, y]}], v: ['']}", ["a (linux, x, y)"]),
        ("{v: ['', null]}", ["a (1)", "a (2)"]),
        ("{v: [1, '1', 1]}", ["a (1)", "a (1) (2)", "a (1) (3)"]),
        (f"{{o: [{{long: {'x' * 90}, n: 1}}, {{long: {'x' * 90}, n: 2}}]}}", None),
    ],
)
def test_names_of_combinations(matrix: str, keys: list[str] | None) -> None:
    """They say what the values say, without brackets; what would be called alike is numbered."""
    found = [*read(f"{JOB % f', strategy: {{matrix: {matrix}}}'}  b: {{needs: a}}\n").needs.items()]
    *combinations, (last, needs) = found
    assert last == "b"
    assert needs == [key for key, _ in combinations]
    assert keys is None or needs == keys
    assert keys is not None or len({*needs}) == 2


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        ("always() && needs.x.result == 'success'", None),
        ("needs.x.result != 'failure' && inputs.y", "inputs.y"),
        ("always() && (needs.x.result == 'success' || needs.y.result == 'skipped')", None),
        ("!contains(needs.*.result, 'failure') && !contains(needs.*.result, 'cancelled')", None),
        ("contains(join(needs.*.result, ','), 'success')", None),
        ("needs['x'].outputs.y == 'success'", "needs['x'].outputs.y == 'success'"),
    ],
)
def test_a_condition_on_what_others_came_to(condition: str, asked: str | None) -> None:
    """Here a job runs behind those that succeeded: nobody is asked whether they did."""
    shown = read(JOB % f', if: "{condition}"')
    expected = {} if asked is None else {"a: if": f"a runs only if this holds: {asked}"}
    assert shown.asked == expected


@pytest.mark.parametrize(
    "condition",
    [
        "contains(needs.*.result, 'failure')",
        "always() && needs.x.result == 'failure'",
        "needs.x.result != 'success'",
    ],
)
def test_a_condition_on_the_failure_of_others(condition: str) -> None:
    """Such a job is left out."""
    shown = read(JOB % f', if: "{condition}"' + "  b: {}\n")
    assert shown.needs == {"b": []}
    assert "jobs.a" in shown.not_taken


def test_success_alone_says_no_more_than_waiting() -> None:
    """It is not listed: that is what a dependency means here."""
    assert "jobs.a.if" not in read(JOB % ", if: needs.x.result == 'success'").not_taken


def test_settings_that_a_matrix_has() -> None:
    """An expression that is a value of the matrix is that value, for each combination."""
    shown = read(
        JOB % ", continue-on-error: '${{ matrix.new || false }}', timeout-minutes: '${{matrix.m}}',"
        " strategy: {matrix: {v: [1, 2], include: [{v: 2, new: true, m: 3}]}}"
    )
    assert shown.node("a (1)").settings == {}
    assert shown.node("a (2, true, 3)").settings == {"timeout_secs": 180, "on_failure": "continue"}
    assert {*shown.not_taken} == {"jobs.a.runs-on"}
    other = read(JOB % ", continue-on-error: '${{ inputs.x }}'")
    assert "jobs.a.continue-on-error" in other.not_taken


@pytest.mark.parametrize(
    ("expression", "goes_on"),
    [
        ("matrix.v == '3.14'", [False, True]),
        ("matrix.v != 'Next'", [False, True]),
        ("matrix.v == matrix.w", None),
        ("!matrix.v", None),
    ],
)
def test_a_value_of_the_matrix_compared(expression: str, goes_on: list[bool] | None) -> None:
    """With one that is written there it is worked out; what is beyond that is listed."""
    matrix = "strategy: {matrix: {v: [next, 3.14]}}"
    shown = read(JOB % f', continue-on-error: "${{{{ {expression} }}}}", {matrix}')
    listed = "jobs.a.continue-on-error" in shown.not_taken
    assert listed is (goes_on is None)
    found = ["on_failure" in node.settings for node in shown.plan.nodes]
    assert found == (goes_on or [False, False])


def test_what_a_strategy_says_besides() -> None:
    """That a failure stops no other is so here; that it does is listed, and so is a limit."""
    strategy = ", strategy: {fail-fast: %s, max-parallel: 2}"
    limit, stops = "jobs.a.strategy.max-parallel", "jobs.a.strategy.fail-fast"
    assert {*read(JOB % strategy % "false").not_taken} == {"jobs.a.runs-on", limit}
    assert {*read(JOB % strategy % "true").not_taken} == {"jobs.a.runs-on", limit, stops}
    (told,) = faults(JOB % ", strategy: '${{ fromJSON(x) }}'")
    assert told.startswith("line 2: `strategy`: it is an expression")


def test_a_condition_on_several_lines() -> None:
    """It is asked in one."""
    shown = read("on: push\njobs:\n  a:\n    if: |\n      inputs.x ||\n        inputs.y\n")
    assert shown.asked["a: if"].endswith("holds: inputs.x || inputs.y")


def test_on_that_a_tool_has_taken_for_true() -> None:
    """YAML 1.1 reads `on` as true: written again, it is the same."""
    assert read("true: push\njobs: {a: {}}").not_taken == {"true": 1}


@pytest.mark.parametrize("text", ["---\non: push\njobs: {a: {}}\n---\n", "---\n---\njobs: {a: {}}"])
def test_documents_that_say_nothing(text: str) -> None:
    """They are none."""
    assert read(text).needs == {"a": []}


@pytest.mark.parametrize("text", ["# nothing\n", "---\n"])
def test_no_document(text: str) -> None:
    """It is told that there is nothing."""
    (told,) = faults(text, "github")
    assert told.endswith("expected a workflow, an object with `jobs`, got null")


def test_fields_that_are_not_known() -> None:
    """They are in the payload, and listed; those that GitHub has for the job itself are not."""
    shown = read(JOB % ", container: c, services: {}, env: {}, defaults: {}, docker: [x]")
    assert {*shown.not_taken} == {"jobs.a.runs-on", "jobs.a.docker"}
    assert shown.payload("a")["docker"] == ["x"]


def test_a_dependency_under_another_name() -> None:
    """It would be lost: the name that was meant is told."""
    told = faults("on: push\njobs:\n  a: {}\n  b: {depends_on: a, runs-on: x}\n")
    assert told == [
        "line 4: `depends_on`: this form has no such field, and says in `needs` what is waited for"
    ]
