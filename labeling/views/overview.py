"""A project at a glance: how far it is, whether its annotators agree, and what other parts of Accord made of it."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission, can
from labeling import services
from labeling.agreement_words import agreement_word, name_pairs, tell_questions
from labeling.kinds.design import design_of
from labeling.models import ItemKind, Report
from labeling.views.common import project_of
from labeling.views.exports import FORMATS


@require_safe
@requires(Permission.VIEW_PROJECTS)
def project(request: MemberRequest, project_id: int) -> HttpResponse:
    """The overview. What takes longer to work out arrives as parts of the page."""
    found = project_of(request.member, project_id)
    figures = services.project_figures(found)
    may_manage = can(request.member, Permission.MANAGE_PROJECTS)
    context = {
        "project": found,
        "tab": "overview",
        "figures": figures,
        "per_day": [{"name": "Judgements", "points": figures.per_day}],
        "warnings": services.project_warnings(found) if may_manage else [],
        "open_reports": Report.objects.open().filter(project=found).count(),
        "formats": [(name, words) for name, (_, _, words) in FORMATS.items()],
    }
    return render(request, "labeling/project.html", context)


@require_safe
@requires(Permission.VIEW_PROJECTS)
def agreement(request: MemberRequest, project_id: int) -> HttpResponse:
    """How far annotators agree, as a part of the overview or alone."""
    found = project_of(request.member, project_id)
    figures = services.measure_agreement(found)
    shared = tell_questions(figures)
    context = {
        "project": found,
        "tab": "overview",
        "agreement": figures,
        "word": agreement_word(figures.alpha.value) if figures.alpha else "",
        "pairs": name_pairs(figures),
        "shared": shared,
        # The sentence is of the verdicts where there are any.
        "first": None if figures.items_with_two else next((told for told in shared if told.agree), None),
        "has_levels": any(told.asked.level != "nominal" for told in shared),
        "only_corrections": design_of(found).kind == ItemKind.CORRECTION and not figures.judgements,
    }
    template = "labeling/agreement.html#figures" if request.htmx else "labeling/agreement.html"  # type: ignore[attr-defined]
    return render(request, template, context)
