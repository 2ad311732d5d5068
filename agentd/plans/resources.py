"""The resources of Kubernetes in a file, as plans of Argo and Tekton are written.

The rule this file keeps: a document with nothing in it is passed over, and a list of resources, as
`kubectl get` writes it, stands for what is in it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agentd.plans.builder import Builder
from agentd.plans.part import Part, fields_in, null_left_out, text_in


class Resource(NamedTuple):
    """A resource: its kind and its name, which may be empty, where it stands, and its fields."""

    kind: str
    name: str
    part: Part
    fields: Mapping[str, Part]

    @property
    def spec(self) -> dict[str, Part]:
        """What it asks for; nothing where it has no `spec`."""
        return fields_in(self.fields, "spec")

    @property
    def label(self) -> str:
        """What people know it by: `ConfigMap 'recipes'`."""
        kind = self.kind or "document without a kind"
        return f"{kind} {self.name!r}" if self.name else kind


def read_resources(root: Part) -> list[Resource]:
    """All resources of a file, in their order."""
    return [resource for part in root.items() for resource in _resources(part)]


def leave_out(builder: Builder, others: list[Resource], why: str) -> None:
    """Note each resource that has no part in the plan."""
    for other in others:
        builder.note(other.part, f"the {other.label} is left out: {why}")


def note_status(builder: Builder, resource: Resource) -> None:
    """Note how far a run is that was written out of a cluster."""
    if "status" in resource.fields and bytes(resource.fields["status"].raw) != b"{}":
        told = "how far it is there is not looked at: all nodes begin anew"
        builder.note(resource.fields["status"], told)


def _resources(part: Part) -> Iterator[Resource]:
    if part.kind == "null":
        return
    fields = null_left_out(part.fields("an object with `kind`"))
    kind = text_in(fields, "kind") or ""
    if kind.endswith("List") and "items" in fields:
        for each in fields["items"].items("a list of resources"):
            yield from _resources(each)
    elif fields:
        yield Resource(kind, _name(fields), part, fields)


def _name(fields: Mapping[str, Part]) -> str:
    metadata = fields_in(fields, "metadata")
    if "name" in metadata:
        return metadata["name"].text() or ""
    begins = text_in(metadata, "generateName")
    return (begins or "").rstrip("-")  # the rest is made up
