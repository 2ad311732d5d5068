"""The templates that the workflows of a file have, and who calls which.

The rule this file keeps: a template is known by its name and by where it is kept: "" for the
workflow that is imported, else the name of a workflow template in the same file. What nothing
calls is noted.
"""

from collections.abc import Mapping
from typing import NamedTuple

from agentd.plans.builder import Builder
from agentd.plans.part import Part, null_left_out, text_in


class Called(NamedTuple):
    """The template that is called: where it stands, what it is called, and where it is kept.

    `part` is None where there is none, which is a fault by then.
    """

    part: Part | None
    name: str
    library: str


class Templates:
    """All templates of a file."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._known: dict[tuple[str, str], Part] = {}
        self._libraries: set[str] = set()
        self._called: set[tuple[str, str]] = set()

    def add(self, library: str, templates: Part) -> None:
        """Those that are kept there."""
        self._libraries.add(library)
        for part in templates.items("a list of templates"):
            fields = null_left_out(part.fields("a template"))
            name = text_in(fields, "name")
            if name is None:
                part.fault("`name` is missing: a template is called by it")
            elif (library, name) in self._known:
                part.fault(f"two templates are called {name!r}")
            else:
                self._known[library, name] = part

    def entrypoint(self, part: Part) -> Called:
        """The template with which the workflow begins."""
        name = part.text()
        found = None if name is None else self._get("", name)
        if found is None and name is not None:
            part.fault(f"`entrypoint`: there is no template {name!r}")
        return Called(found, name or "", "")

    def find(self, key: str, call: Part, fields: Mapping[str, Part], library: str) -> Called:
        """The template that a task or step calls which stands among those of that library."""
        if "inline" in fields:
            return Called(fields["inline"], f"{key} (inline)", library)
        if "templateRef" in fields:
            return self._find_elsewhere(key, fields["templateRef"])
        name = text_in(fields, "template")
        found = None if name is None else self._get(library, name)
        if name is None:
            call.fault("`template` is missing: it says what is called")
        elif found is None:
            fields["template"].fault(f"`template`: there is none that is called {name!r}")
        named = f"{library}/{name}" if library else name or ""
        return Called(found, named, library)

    def note_uncalled(self) -> None:
        """Note each template that nothing calls of what is imported."""
        called = {self._known[each].place.path for each in self._called if each in self._known}
        for part in self._known.values():  # one may be known in two places
            if part.place.path not in called:
                self._builder.note(part, "nothing that is imported calls this template")

    def is_elsewhere(self, fields: Mapping[str, Part]) -> bool:
        """Whether a task calls a template that is not in the file."""
        return "templateRef" in fields and self._reference(fields["templateRef"]) not in self._known

    def _get(self, library: str, name: str) -> Part | None:
        self._called.add((library, name))
        return self._known.get((library, name))

    def _find_elsewhere(self, key: str, reference: Part) -> Called:
        library, name = self._reference(reference)
        if (found := self._get(library, name)) is not None:
            return Called(found, f"{library}/{name}", library)
        if not library or not name:
            reference.fault("`templateRef`: it needs a `name` and a `template`")
            return Called(None, "", "")
        if library in self._libraries:
            reference.fault(f"`templateRef`: {library!r} has no template {name!r}")
            return Called(None, "", "")
        told = "the template is kept elsewhere: the task is one node"
        self._builder.note(reference, told)
        return Called(reference, f"{key} (elsewhere)", library)

    def _reference(self, reference: Part) -> tuple[str, str]:
        fields = null_left_out(reference.fields("an object with `name` and `template`"))
        return text_in(fields, "name") or "", text_in(fields, "template") or ""
