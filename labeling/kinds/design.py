"""How a project asks: the kind of its items, reasons, flags, and each kind's own settings. One JSON object."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rest_framework import serializers

from accounts.errors import Invalid
from accounts.strict import StrictSerializer
from labeling.kinds import NAMES, kind_of
from labeling.models.project import Project

FLAGS = {
    "rude": "Rude",
    "unsafe": "Unsafe or harmful",
    "personal_data": "Shows personal data",
    "false": "States something false",
    "off_topic": "Off topic",
    "not_judgeable": "Cannot be judged",
}
KEY = r"^[a-z][a-z0-9_]{0,39}$"
# What training calls the verdict as a whole: an axis of this name would stand in its place.
OVERALL = "overall"


class FlagSerializer(StrictSerializer):
    name = serializers.RegexField(KEY)
    word = serializers.CharField(max_length=60)


class DesignSerializer(StrictSerializer):
    """The part that is the same for all kinds."""

    kind = serializers.ChoiceField(choices=NAMES, default="comparison")
    reason = serializers.ChoiceField(choices=["off", "optional", "required"], default="optional")
    flags = FlagSerializer(many=True, default=list, max_length=20)  # type: ignore[call-arg]


@dataclass(frozen=True, eq=False)
class Design:
    """A project's, with every default filled in. Two projects that ask alike share one."""

    kind: str
    reason: str
    flags: dict[str, str]  # name: word; those that come with Accord first
    kinds: dict[str, dict[str, Any]]  # kind: its own settings

    def as_json(self) -> dict[str, Any]:
        """As it is stored and shown by the API."""
        own = [{"name": name, "word": word} for name, word in self.flags.items() if name not in FLAGS]
        return {"kind": self.kind, "reason": self.reason, "flags": own, **self.kinds}


def design_of(project: Project) -> Design:
    """How the project asks."""
    return _read(json.dumps(project.design, sort_keys=True))


def check_design(raw: Any) -> dict[str, Any]:
    """The design with its defaults, ready to be stored.

    Raises:
        Invalid: an unknown key, a value out of its range, or a name that is taken; `fields` names it as
            "comparison.strengths".
    """
    if not isinstance(raw, dict):
        raise Invalid("The design must be an object.", fields={"design": "Send an object."})
    design = _read(json.dumps(raw, sort_keys=True))
    # Here and not where a stored design is read: a project that has such an axis must stay readable to be changed.
    for kind, settings in design.kinds.items():
        if any(axis["name"] == OVERALL for axis in settings.get("axes", [])):
            why = f"No axis can be named {OVERALL}: so the verdict as a whole is called. Give it another name."
            raise Invalid(f"The project cannot ask like this. {why}", fields={f"{kind}.axes": why})
    return design.as_json()


@lru_cache(maxsize=256)
def _read(text: str) -> Design:
    raw = json.loads(text)
    common = _validated(DesignSerializer, {key: value for key, value in raw.items() if key not in NAMES}, "")
    kinds = {name: _validated(kind_of(name).design_serializer, raw.get(name, {}), f"{name}.") for name in NAMES}
    own = {flag["name"]: flag["word"] for flag in common["flags"]}
    return Design(common["kind"], common["reason"], FLAGS | own, kinds)


def _validated(serializer: type[StrictSerializer], value: Any, where: str) -> dict[str, Any]:
    given = serializer(data=value)
    if given.is_valid():
        return _plain(given.validated_data)
    fields = {f"{where}{name}": _first(errors) for name, errors in given.errors.items()}
    told = " ".join(f"{name}: {why}" for name, why in fields.items())
    raise Invalid(f"The project cannot ask like this. {told}", fields=fields)


def _plain(value: Any) -> Any:
    """Serializers answer ordered mappings; JSON has plain ones."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _first(errors: Any) -> str:
    while isinstance(errors, dict | list) and errors:
        errors = next((inner for inner in (errors.values() if isinstance(errors, dict) else errors) if inner), "")
    return str(errors)
