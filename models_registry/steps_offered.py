"""The steps that a version's page offers, each with its form or the reason why not."""

from dataclasses import dataclass

from django import forms

from accounts.errors import AccordError
from accounts.models import Membership
from models_registry.forms import CanaryForm, StepForm
from models_registry.models import ModelVersion, Stage
from models_registry.services import check_can_promote
from models_registry.services.lookup import SERVABLE
from models_registry.stages import INDIRECT, STEPS

_LABELS = {
    (Stage.CANDIDATE, Stage.CANARY): "Try it as a canary",
    (Stage.CANDIDATE, Stage.PRODUCTION): "Promote to production",
    (Stage.CANDIDATE, Stage.RETIRED): "Set aside",
    (Stage.CANARY, Stage.CANARY): "Change the share",
    (Stage.CANARY, Stage.PRODUCTION): "Promote to production",
}


@dataclass
class Step:
    """`refusal` says why it cannot be taken now; then there is no form."""

    to_stage: str
    label: str
    form: forms.Form
    refusal: str = ""


def form_class(to_stage: str) -> type[StepForm]:
    return CanaryForm if to_stage == Stage.CANARY else StepForm


def steps_of(version: ModelVersion, by: Membership, sent: StepForm | None = None) -> list[Step]:
    """What can be done with the version; the form that was sent keeps what was typed and what is wrong with it."""
    steps = []
    for to_stage in STEPS[version.stage]:
        label = _LABELS.get((Stage(version.stage), Stage(to_stage)))
        if label is None or (version.stage, to_stage) in INDIRECT:
            continue
        if version.kind not in SERVABLE and to_stage != Stage.RETIRED:
            continue
        initial: dict[str, object] = {"to_stage": to_stage}
        if version.canary_share:
            initial["canary_share"] = round(version.canary_share * 100)
        form = form_class(to_stage)(initial=initial, auto_id=f"id_{to_stage}_%s")
        if sent is not None and sent.data.get("to_stage") == to_stage:
            form = sent
        steps.append(Step(to_stage, label, form, _refusal(version, by, to_stage)))
    return steps


def _refusal(version: ModelVersion, by: Membership, to_stage: str) -> str:
    try:
        check_can_promote(version=version, by=by, to_stage=to_stage)
    except AccordError as refused:
        return refused.message
    return ""
