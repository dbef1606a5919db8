"""One version: lineage, evidence, gate, history, and the steps that it can take."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission, can
from accounts.refusals import shown_on
from models_registry.evidence import evidence_of
from models_registry.forms import ReasonForm, StepForm
from models_registry.models import ModelVersion, Stage
from models_registry.services import gate_terms, predecessor_of, production_version, promote_version, take_back
from models_registry.services.lookup import SERVABLE
from models_registry.slices import split_slices
from models_registry.steps_offered import form_class, steps_of
from models_registry.without_gate import why_without_gate


def _mine(request: MemberRequest, version_id: int) -> ModelVersion:
    versions = ModelVersion.objects.for_member(request.member).select_related("parent", "base", "organisation")
    found: ModelVersion = get_object_or_404(versions, pk=version_id)
    return found


def _page(
    request: MemberRequest,
    version: ModelVersion,
    *,
    sent: StepForm | None = None,
    take_back_form: ReasonForm | None = None,
) -> HttpResponse:
    request.project_id = version.project_id  # type: ignore[attr-defined]
    terms = gate_terms(version) if version.kind in SERVABLE else []
    serves = version.stage in (Stage.CANARY, Stage.PRODUCTION)
    production = production_version(version.project_id)
    evaluations = list(version.evaluations.select_related("against"))
    whole, slices = split_slices(evaluations)
    may_promote = can(request.member, Permission.PROMOTE)
    context = {
        "tab": "versions",
        "version": version,
        "terms": terms,
        "measured": any(term["value"] is not None for term in terms),
        "gate_is_open": bool(terms) and all(term["holds"] for term in terms),
        "without_gate": why_without_gate(version, production=production),
        "production": production,
        "evaluations": whole,
        "slices": slices,
        "evidence": evidence_of(evaluations),
        "history": version.promotions.select_related("by", "verdict"),
        "children": version.children.all()[:50],
        "adapters": version.standing_on_it.all()[:50],
        "steps": steps_of(version, request.member, sent) if may_promote else [],
        "may_promote": may_promote,
        "serves": serves,
        "predecessor": predecessor_of(version.project_id) if version.stage == Stage.PRODUCTION else None,
        "take_back_form": take_back_form or ReasonForm(auto_id="id_back_%s"),
    }
    refused = [why for form in (sent, take_back_form) if form for whys in form.errors.values() for why in whys]
    context["refused"] = refused
    return render(request, "models_registry/version.html", context, status=422 if refused else 200)


@require_safe
@requires(Permission.VIEW_RUNS)
def version(request: MemberRequest, version_id: int) -> HttpResponse:
    """The page."""
    return _page(request, _mine(request, version_id))


@require_POST
@requires(Permission.PROMOTE)
def promote(request: MemberRequest, version_id: int) -> HttpResponse:
    """Take a step, or show why not."""
    found = _mine(request, version_id)
    to_stage = request.POST.get("to_stage", "")
    form = form_class(to_stage)(request.POST, auto_id=f"id_{to_stage}_%s")
    if form.is_valid():
        with shown_on(form):
            promote_version(version=found, by=request.member, **form.cleaned_data)
            messages.success(request, f"{found.name} is now in stage {found.get_stage_display().lower()}.")
            return redirect("version", found.pk)
    return _page(request, _mine(request, version_id), sent=form)


@require_POST
@requires(Permission.PROMOTE)
def rollback(request: MemberRequest, version_id: int) -> HttpResponse:
    """Take the version back from its users: production rolls back, a canary is withdrawn."""
    found = _mine(request, version_id)
    form = ReasonForm(request.POST, auto_id="id_back_%s")
    if form.is_valid():
        with shown_on(form):
            promotion = take_back(version=found, by=request.member, reason=form.cleaned_data["reason"])
            back = promotion.version
            messages.success(request, f"{back.name} is now in stage {back.get_stage_display().lower()}.")
            return redirect("version", found.pk)
    return _page(request, _mine(request, version_id), take_back_form=form)
