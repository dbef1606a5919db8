"""What the labels say of each annotator, for managers."""

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.paging import page_of
from accounts.permissions import Permission
from labeling import services
from labeling.competence_chart import draw_intervals
from labeling.enqueue import send_on_commit
from labeling.models import AnnotatorCompetence, AnnotatorWeight, CompetenceReport
from labeling.models.competence import Doubt
from labeling.services.competence import new_labels_since
from labeling.services.file_imports import harmless_cell
from labeling.tasks import compute_competence_task
from labeling.views.common import project_of

PAGE = 25
NAMED = 5  # in the headline
FIGURES = ("labels", "knows", "knows_low", "knows_high", "right", "right_low", "right_high")
WEIGHTS = ("weight", "votes", "agreement", "expected_agreement", "no_better_than_chance")
COLUMNS = ("annotator", "name", *FIGURES, *WEIGHTS)


@require_safe
@requires(Permission.MANAGE_PROJECTS)
def competence(request: MemberRequest, project_id: int) -> HttpResponse:
    """The figures as they were worked out last, and whether that is being done anew."""
    project = project_of(request.member, project_id)
    report = CompetenceReport.objects.filter(project=project).first()
    weights = AnnotatorWeight.objects.filter(project=project)
    context: dict[str, Any] = {
        "project": project,
        "tab": "items",
        "part": "competence",
        "report": report,
        "weights": weights.select_related("annotator").order_by("-pk")[:PAGE],
        "weighed": weights.count(),
        "heard_less": weights.filter(weight__lt=1).count(),
        "untold": weights.untold().count(),
    }
    if report is not None:
        annotators: Any = report.annotators.with_doubt().select_related("annotator")
        page = page_of(annotators, before=request.GET.get("before"), size=PAGE)
        counts = dict(annotators.values_list("doubt").annotate(Count("pk")))
        below = counts.get(Doubt.BELOW_A_GUESS, 0)
        context |= {
            "page": page,
            "chart": draw_intervals(page.rows),
            "new_labels": new_labels_since(report) if report.computed_at else 0,
            "people": sum(counts.values()),
            "below": annotators.filter(doubt=Doubt.BELOW_A_GUESS).order_by("-pk")[:NAMED] if below else [],
            "below_count": below,
            "below_more": max(0, below - NAMED),
            "guessing": counts.get(Doubt.GUESSES, 0),
            "disputed": counts.get(Doubt.DISPUTED, 0),
        }
    template = "labeling/competence.html#figures" if request.htmx else "labeling/competence.html"  # type: ignore[attr-defined]
    return render(request, template, context)


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def compute(request: MemberRequest, project_id: int) -> HttpResponse:
    """Have a worker do it."""
    project = project_of(request.member, project_id)
    report, begun = services.request_competence(project=project, by=request.member)
    if begun:
        send_on_commit(compute_competence_task, report.pk)
    else:
        messages.info(request, "It is being worked out already.")
    return redirect("competence", project.pk)


@require_safe
@requires(Permission.MANAGE_PROJECTS)
def export(request: MemberRequest, project_id: int) -> StreamingHttpResponse:
    """All of them as CSV."""
    project = project_of(request.member, project_id)
    report = CompetenceReport.objects.filter(project=project).first()
    weights = AnnotatorWeight.objects.filter(project=project).select_related("annotator").order_by("-pk")
    if report is None and not weights.exists():
        raise Http404("Nobody's competence has been worked out here.")
    lines = _lines(report, {row.annotator_id: row for row in weights})
    headers = {"Content-Disposition": f'attachment; filename="{project.slug}-competence.csv"'}
    return StreamingHttpResponse(_csv(lines), content_type="text/csv; charset=utf-8", headers=headers)


def _lines(report: CompetenceReport | None, weights: dict[int, AnnotatorWeight]) -> Iterator[tuple[Any, ...]]:
    """Those with figures first, and whoever the reward model alone says something of behind them."""
    if report is not None:
        for row in report.annotators.select_related("annotator").order_by("-pk").iterator(chunk_size=1000):
            figures = [getattr(row, name) for name in FIGURES]
            yield _line(row, figures, weights.pop(row.annotator_id, None))
    for weight in weights.values():
        yield _line(weight, [""] * len(FIGURES), weight)


def _line(
    of: AnnotatorCompetence | AnnotatorWeight, figures: list[Any], weight: AnnotatorWeight | None
) -> tuple[Any, ...]:
    heard = [getattr(weight, name) for name in WEIGHTS] if weight else [""] * len(WEIGHTS)
    return (of.annotator_id, harmless_cell(of.annotator.display_name), *figures, *heard)


class _Echo:
    def write(self, line: str) -> str:
        return line


def _csv(lines: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    yield writer.writerow(COLUMNS)
    yield from map(writer.writerow, lines)
