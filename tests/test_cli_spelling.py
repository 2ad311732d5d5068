"""Slips of the hand in the fields of task files, and words of somebody's own that are none."""

from agentd.documents.kinds import NODE, WAITS
from agentd.documents.spelling import nearest_field, plain

SLIPS = {
    "depends_on": "depend_on depends-on DependsOn depends",
    "dependencies": "dependancies dependencis dependecies Dependencies dependenceis",
    "needs": "need Needs nedes",
    "deps": "dep depps",
    "priority": "prioritty priorty prioirty piority",
    "timeout": "time_out timeOut timeuot time-out timeouts",
    "payload": "paylod pay_load payloads",
    "name": "nmae naem nam NAME",
    "title": "titel tilte tittle",
    "retry": "retyr rety",
    "requires": "require requries",
    "limits": "limit limts",
    "attempts": "attempt atempts",
    "on_failure": "onFailure on-failure on_fialure",
    "not_before": "notBefore not_befor",
    "lease_secs": "leaseSecs lease_sec",
    "gate": "gates gaet",
    "locks": "lock lokcs",
    "before": "befor",
}
OWN = """
acceptance_criteria action activeForm agent allowed_tools args arguments artifacts assignee author
bash_command blocks body branch category checkpoint command comments complexity component config
confidence constraints cost created_at criteria cwd date deadline deliverables description details
difficulty docs due_date effort enabled env epic estimate examples expected_output feeds file files
format game goal group hint idempotent if image index input inputs instructions intent issue issues
iterations key_points kind labels language late leader least leave line link links list local locale
logs loops looks max_iterations max_tokens message metadata milestone mode model module next
note notes npm number operator optional order outcome output owner parallel parent path permissions
persona phase points pool pr produces prompt python_callable queue rate rationale reason references
reply repo required resources retro reviewer risk role root run runs-on scope script seeds service
severity site skills source stage start_date step step_id steps story_points strategy subject
subtasks summary tags target task_id team temperature template test test_strategy tests text tools
type url uses variables verify version when with working_directory worktree
"""


def test_slips_of_the_hand() -> None:
    """A field that is almost one of ours is told, those that are to come as well."""
    fields = (*NODE.fields, "gate", "locks", "before")
    for field, slips in SLIPS.items():
        assert {slip: nearest_field(slip, fields) for slip in slips.split()} == dict.fromkeys(
            slips.split(), field
        )


def test_words_of_their_own() -> None:
    """What plans call their own fields is near none of ours."""
    fields = (*NODE.fields, "gate", "locks", "before")
    assert [word for word in OWN.split() if nearest_field(word, fields) is not None] == []


def test_the_tables_are_written_as_they_are_compared() -> None:
    """A word that is not plain would never be found."""
    words = {*NODE.others, *NODE.done, *WAITS}
    assert words == set(map(plain, words))
    assert words.isdisjoint(NODE.fields)
