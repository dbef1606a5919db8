"""Runs: the list, one run while it goes on and after, and the buttons that start, cancel and retry."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.paging import page_of
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling.models import Project
from models_registry.evidence import evidence_of
from models_registry.models import Evaluation, ModelVersion
from training import services
from training.charts import draw_curves
from training.forms import FineTuneForm
from training.metrics import read_curves, read_progress
from training.models import Recipe, RunStatus, TrainingRun
from training.read_demonstrations import read_demonstrations
from training.run_settings import SETTINGS_FILE, read_settings
from training.services.resolve_inputs import input_versions
from training.views.body import body_context
from training.wording import list_figures, say_figures


@require_safe
@requires(Permission.VIEW_RUNS)
def run_list(request: MemberRequest, project_id: int | None = None) -> HttpResponse:
    """The organisation's runs, or one project's, newest first; replaced refits when all are asked for."""
    return _list(request, project_id)


def _list(request: MemberRequest, project_id: int | None, form: FineTuneForm | None = None) -> HttpResponse:
    runs = TrainingRun.objects.for_member(request.member).select_related("project", "created_by")
    context: dict[str, Any] = {"tab": "runs"}
    if project_id is not None:
        context["project"] = get_object_or_404(Project.objects.for_member(request.member), pk=project_id)
        runs = runs.filter(project_id=project_id)
        context["fine_tune_form"] = form or FineTuneForm()
        context |= body_context(context["project"])
    replaced = runs.replaced_refits()
    if "all" in request.GET:
        context["query"] = "all=1"
    else:
        context["replaced"] = replaced.count()
        runs = runs.exclude(pk__in=replaced.values("pk"))
    context["page"] = page_of(runs, before=request.GET.get("before"))
    return render(request, "training/run_list.html", context, status=422 if form else 200)


def _run(request: MemberRequest, run_id: int) -> TrainingRun:
    runs = TrainingRun.objects.for_member(request.member).select_related("project", "snapshot", "after", "created_by")
    found: TrainingRun = get_object_or_404(runs, pk=run_id)
    return found


def _live(run: TrainingRun) -> dict[str, Any]:
    running = run.status == RunStatus.RUNNING
    return {
        "run": run,
        "seconds_left": read_progress(run.directory).seconds_left if running else None,
        "charts": draw_curves(read_curves(run.directory)),
        "ahead": _runs_ahead(run) if run.status == RunStatus.QUEUED else 0,
    }


def _chain(run: TrainingRun) -> dict[str, Any]:
    runs = list(TrainingRun.objects.filter(chain_id=run.chain_id).order_by("pk")) if run.chain_id else []
    return {"chain": runs, "chain_unfinished": any(not each.is_finished for each in runs)}


def _runs_ahead(run: TrainingRun) -> int:
    return int(TrainingRun.objects.filter(organisation=run.organisation_id, status=RunStatus.RUNNING).count())


@require_safe
@requires(Permission.VIEW_RUNS)
def run_page(request: MemberRequest, run_id: int) -> HttpResponse:
    """One run: how far it is, its curves, what it stands on, what it made, and what went wrong."""
    run = _run(request, run_id)
    measured = list(Evaluation.objects.for_member(request.member).filter(run_id=run.pk).select_related("against"))
    context = (
        _live(run)
        | _chain(run)
        | {
            "project": run.project,
            "tab": "runs",
            "inputs": input_versions(run),
            "versions": ModelVersion.objects.for_member(request.member).filter(run_id=run.pk),
            "settings": read_settings(run),
            "settings_known": (run.directory / SETTINGS_FILE).exists(),
            "evidence": evidence_of(measured),
            "measured": measured,
            "figures": say_figures(run.result.get("figures", {})),
            "all_figures": list_figures(run.result.get("figures", {})),
            "has_checkpoint": any((run.directory / "checkpoints").glob("*")),
        }
    )
    return render(request, "training/run.html", context)


@require_safe
@requires(Permission.VIEW_RUNS)
def run_live(request: MemberRequest, run_id: int) -> HttpResponse:
    """What changes while it goes on. When it has ended the whole page is asked to reload, once."""
    run = _run(request, run_id)
    response = render(request, "training/run.html#live", _live(run))
    if run.is_finished:
        response.headers["HX-Refresh"] = "true"
    return response


@require_safe
@requires(Permission.VIEW_RUNS)
def run_chain(request: MemberRequest, run_id: int) -> HttpResponse:
    """The other runs of the refresh, which go on after this one has ended."""
    run = _run(request, run_id)
    return render(request, "training/run.html#chain", {"run": run} | _chain(run))


@require_POST
@requires(Permission.START_RUNS)
def run_cancel(request: MemberRequest, run_id: int) -> HttpResponse:
    services.cancel_run(run=_run(request, run_id), by=request.member)
    return redirect("run", run_id)


@require_POST
@requires(Permission.START_RUNS)
def run_retry(request: MemberRequest, run_id: int) -> HttpResponse:
    services.retry_run(run=_run(request, run_id), by=request.member)
    return redirect("run", run_id)


@require_POST
@requires(Permission.START_RUNS)
def run_start(request: MemberRequest, project_id: int) -> HttpResponse:
    """The button "Start training": a whole refresh."""
    project = get_object_or_404(Project.objects.for_member(request.member), pk=project_id)
    runs = services.start_refresh(project=project, by=request.member, why=f"started by {request.member.user}"[:120])
    return redirect("run", runs[0].pk)


@require_POST
@requires(Permission.START_RUNS)
def run_fine_tune(request: MemberRequest, project_id: int) -> HttpResponse:
    """Supervised fine-tuning on a file of demonstrations, as the API's recipe `sft`."""
    project = get_object_or_404(Project.objects.for_member(request.member), pk=project_id)
    form = FineTuneForm(request.POST, request.FILES)
    if form.is_valid():
        with shown_on(form):
            rows = read_demonstrations(form.cleaned_data["demonstrations"].chunks())
            runs = services.start_runs(project=project, by=request.member, recipe=Recipe.SFT, demonstrations=rows)
            return redirect("run", runs[-1].pk)
    return _list(request, project_id, form)
