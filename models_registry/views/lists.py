"""A project's versions, and the two fragments that other pages load."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.paging import page_of
from accounts.permissions import Permission
from models_registry.models import ModelVersion, Stage
from models_registry.services import gate_terms, production_version
from models_registry.services.lookup import SERVABLE
from models_registry.without_gate import why_without_gate

SERVING = (Stage.PRODUCTION, Stage.CANARY)


@require_safe
@requires(Permission.VIEW_RUNS)
def version_list(request: MemberRequest, project_id: int) -> HttpResponse:
    """What serves on top, then the others, newest first. Of refits the newest alone, unless all are asked for."""
    versions = (
        ModelVersion.objects.for_member(request.member)
        .for_project(project_id)
        .select_related("parent")
        .prefetch_related("evaluations", "promotions")
    )
    shown, superseded = versions.exclude(stage__in=SERVING), versions.superseded_refits(project_id)
    shows_all = "all" in request.GET
    if not shows_all:
        shown = shown.exclude(pk__in=superseded.values("pk"))
    page = page_of(shown, before=request.GET.get("before"))
    serving = sorted(versions.in_stage(*SERVING), key=lambda version: SERVING.index(Stage(version.stage)))
    rows = (serving if page.is_first else []) + page.rows
    production = production_version(project_id)
    for version in rows:
        _look(version, production)
    context = {
        "tab": "versions",
        "page": page,
        "rows": rows,
        "superseded": 0 if shows_all else superseded.count(),
        "query": "all=1" if shows_all else "",
    }
    return render(request, "models_registry/list.html", context)


@require_safe
@requires(Permission.VIEW_RUNS)
def version_summary(request: MemberRequest, project_id: int) -> HttpResponse:
    """For the project's overview: what answers now, and whether something better waits."""
    mine = ModelVersion.objects.for_member(request.member).for_project(project_id)
    newest = mine.policies().in_stage(Stage.CANDIDATE).prefetch_related("evaluations").first()
    production = mine.filter(kind__in=SERVABLE, stage=Stage.PRODUCTION).first()
    if newest:
        _look(newest, production)
    context = {
        "project_id": project_id,
        "production": production,
        "canary": mine.filter(kind__in=SERVABLE, stage=Stage.CANARY).first(),
        "newest": newest,
        "count": mine.count(),
    }
    return render(request, "models_registry/summary.html", context)


@require_safe
@requires(Permission.VIEW_RUNS)
def versions_of_snapshot(request: MemberRequest, snapshot_id: int) -> HttpResponse:
    """For a snapshot's page: what was made of it."""
    made = ModelVersion.objects.for_member(request.member).filter(snapshot_id=snapshot_id)
    return render(request, "models_registry/of_snapshot.html", {"versions": made[:50]})


def _look(version: ModelVersion, production: ModelVersion | None) -> None:
    """Put the gate's state and the win rate onto the row."""
    version.without_gate = why_without_gate(version, production=production)  # type: ignore[attr-defined]
    terms = gate_terms(version)
    version.gate_is_open = all(term["holds"] for term in terms)  # type: ignore[attr-defined]
    version.win_rate = terms[0] if terms[0]["value"] is not None else None  # type: ignore[attr-defined]
    version.measured = [term for term in terms if term["value"] is not None]  # type: ignore[attr-defined]
    version.answers = version.kind in SERVABLE  # type: ignore[attr-defined]
