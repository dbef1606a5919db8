"""What the reward model is taught: a part of a project's settings."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling import services
from labeling.reward_form import RewardForm
from labeling.views.common import project_of


@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_PROJECTS)
def project_reward(request: MemberRequest, project_id: int) -> HttpResponse:
    """Axes, strengths, annotators, length."""
    project = project_of(request.member, project_id)
    form = RewardForm(request.POST if request.method == "POST" else None, project=project)
    if form.is_valid():
        with shown_on(form):
            services.update_project(project=project, by=request.member, **form.changes())
            messages.success(request, "Changed. It takes effect at the next refit or training of the reward model.")
            return redirect("project-reward", project.pk)
    context = {"project": project, "tab": "settings", "form": form}
    return render(request, "labeling/project_reward.html", context, status=422 if form.errors else 200)
