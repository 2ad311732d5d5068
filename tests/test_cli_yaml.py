"""What YAML means in a document: the same, whatever version of the library reads it."""

from typing import Any, NoReturn

import pytest
import yaml

from agentd.documents import yaml_form
from agentd.documents.yaml_form import parse_yaml


def meant(text: str) -> str:
    """The JSON that a document stands for."""
    return parse_yaml(text, "f").json.decode()


MERGED = [
    ("{a: {<<: {n: 1}, n: 2}}", '{"a":{"n":2}}'),
    ("{a: {n: 2, <<: {n: 1}}}", '{"a":{"n":2}}'),
    ("[&more {<<: {n: 1}, n: 2}, {<<: *more}]", '[{"n":2},{"n":2}]'),
    (
        "[&x {<<: {n: 1, t: 1}, n: 2}, &y {<<: *x, t: 3}, {<<: *y}]",
        '[{"n":2,"t":1},{"n":2,"t":3},{"n":2,"t":3}]',
    ),
    ("{<<: [{n: 1}, {n: 2, m: 2}, {m: 3, k: 3}]}", '{"n":1,"m":2,"k":3}'),
    ("[&a {n: 1}, &b {n: 2, m: 2}, {<<: [*a, *b], m: 4}]", '[{"n":1},{"n":2,"m":2},{"n":1,"m":4}]'),
    ("{a: 1, <<: {c: 3, b: 2}, d: 4}", '{"a":1,"c":3,"b":2,"d":4}'),
    ("{<<: {b: 2, c: 3}, c: 4, b: 5}", '{"b":5,"c":4}'),
    ("{<<: {}}", "{}"),
    ("{<<: []}", "{}"),
    ("{'<<': 1, <<: {n: 1}}", '{"<<":1,"n":1}'),
    ("[<<]", '["<<"]'),
    ("{<<: {<<: {<<: {n: 1}}, m: 1}}", '{"n":1,"m":1}'),
]
"""What stands in a mapping wins over what it takes in, and of a list the first one wins."""

SCALARS = [
    ("[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]"),
    ("[null, Null, NULL, ~, ]", "[null,null,null,null]"),
    ("a:\nb: ''", '{"a":null,"b":""}'),
    ("[yes, no, on, off, y, n, Yes]", '["yes","no","on","off","y","n","Yes"]'),
    ("[0, -0, 10, -1.50, 1e3, 1E+2, 1e400]", "[0,-0,10,-1.50,1e3,1E+2,1e400]"),
    ("[" + "9" * 6000 + "]", "[" + "9" * 6000 + "]"),
    (
        "[010, 0o10, 0x1F, 0b1, +1, 1_000, .5, 1., 12:30]",
        '["010","0o10","0x1F","0b1","+1","1_000",".5","1.","12:30"]',
    ),
    (
        "[2026-01-31, 2026-01-31 12:00:00, 2026-01-31T12:00:00Z]",
        '["2026-01-31","2026-01-31 12:00:00","2026-01-31T12:00:00Z"]',
    ),
    ("['1', \"true\", '']", '["1","true",""]'),
    (
        "[!!str 1, !!str true, !!str '', ! 1, !!int 1, !!float 1.50, !!bool True, !!null ~]",
        '["1","true","","1",1,1.50,true,null]',
    ),
    ("[=, '=', '.inf', <]", '["=","=",".inf","<"]'),
    (
        "{1: a, 1.5: b, true: c, ~: d, 010: e, .nan: f, no: g}",
        '{"1":"a","1.5":"b","true":"c","~":"d","010":"e",".nan":"f","no":"g"}',
    ),
    ("[&a [1], *a, &b x, *b]", '[[1],[1],"x","x"]'),
    ("[{&k name: 1}, {*k : *k}]", '[{"name":1},{"name":"name"}]'),
    ("- !!seq [1]\n- !!map {a: 1}", '[[1],{"a":1}]'),
    ("text: |\n  a\n  b\nfold: >\n  a\n  b\n", '{"text":"a\\nb\\n","fold":"a b\\n"}'),
]
"""true, false, null and numbers as JSON writes them; all else is the text that was written."""

MEANINGS = [pytest.param(*each, id=each[0][:50]) for each in MERGED + SCALARS]


@pytest.fixture(params=["libyaml", "Python"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of the library: a build may lack the one in C."""
    if request.param == "Python":
        monkeypatch.setattr(yaml_form, "_Fastest", yaml.SafeLoader)
    elif not yaml.__with_libyaml__:
        pytest.skip("this build has no libyaml")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("text", "json"), MEANINGS)
def test_what_yaml_means(text: str, json: str) -> None:
    """A document means what is written here."""
    assert meant(text) == json


def test_its_meaning_is_not_the_librarys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither constructor, resolver nor composer of the library is asked: they change."""

    def never(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError

    for theirs in (
        yaml.constructor.BaseConstructor,
        yaml.constructor.SafeConstructor,
        yaml.resolver.BaseResolver,
        yaml.composer.Composer,
    ):
        for name in vars(theirs):
            if not name.startswith("__") and callable(getattr(theirs, name)):
                monkeypatch.setattr(theirs, name, never)
    for case in MEANINGS:
        text, json = case.values
        assert meant(str(text)) == json


def test_what_is_merged_keeps_its_line() -> None:
    """A fault in what another mapping brought is told where it was written."""
    document = parse_yaml("base: &b\n  n: 1\nnodes:\n- <<: *b\n  m: 2\n- *b\n", "f")
    assert document.line_of(("nodes", 0, "n")) == 2
    assert document.line_of(("nodes", 0, "m")) == 5
    assert document.line_of(("nodes", 1)) == 6
    assert document.line_of(("nodes", 1, "nothing", "below")) == 6
    assert document.line_of(()) == 1
