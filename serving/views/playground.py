"""The playground: the project's model as its users meet it, with the same routing, record and feedback."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling.models import Project
from models_registry.services import production_version
from serving.chat_request import ChatRequest
from serving.forms import FeedbackForm, MessageForm
from serving.models import ServedResponse
from serving.services import answer_now, record_feedback
from serving.views.common import project_of

# Short answers: the person is waiting.
SAMPLING = {"max_tokens": 256, "temperature": 0.7}


def _context(project: Project, **more: Any) -> dict[str, Any]:
    return {"project": project, "tab": "playground", "client_id": uuid.uuid4()} | more


@require_safe
@requires(Permission.USE_ENDPOINT)
def playground(request: MemberRequest, project_id: int) -> HttpResponse:
    """An empty conversation."""
    project = project_of(request.member, project_id)
    context = _context(project, form=MessageForm(), production=production_version(project.pk))
    return render(request, "serving/playground.html", context)


@require_POST
@requires(Permission.USE_ENDPOINT)
def send(request: MemberRequest, project_id: int) -> HttpResponse:
    """The next turn: the message, the answer, and the form for the one after."""
    project = project_of(request.member, project_id)
    form = MessageForm(request.POST)
    if form.is_valid():
        message = {"role": "user", "content": form.cleaned_data["message"]}
        chat = ChatRequest(
            messages=[*_before(request, project, form.cleaned_data["after"]), message], sampling=SAMPLING
        )
        with shown_on(form):
            served = answer_now(project=project, by=request.member, chat=chat)
            context = _context(
                project, message=message["content"], served=served, form=MessageForm(initial={"after": served.pk})
            )
            return render(request, "serving/playground.html#turn", context)
    return render(request, "serving/playground.html#refused", _context(project, form=form), status=422)


def _before(request: MemberRequest, project: Project, after: uuid.UUID | None) -> list[dict[str, str]]:
    """The conversation so far: the person's own, read from what was stored and not from what the browser says."""
    if after is None:
        return []
    own = ServedResponse.objects.for_member(request.member).filter(project=project, caller=request.member.user)
    last: ServedResponse = get_object_or_404(own, pk=after)
    return (
        [*last.messages, {"role": "assistant", "content": last.text}] if last.text.strip() else list(last.messages[:-1])
    )


@require_POST
@requires(Permission.USE_ENDPOINT)
def feedback(request: MemberRequest, project_id: int, served_id: uuid.UUID) -> HttpResponse:
    """A thumb, or the edited answer."""
    project = project_of(request.member, project_id)
    answers = ServedResponse.objects.for_member(request.member).filter(project=project)
    served: ServedResponse = get_object_or_404(answers, pk=served_id)
    form = FeedbackForm(request.POST)
    given = None
    if form.is_valid():
        with shown_on(form):
            given, _ = record_feedback(served=served, by=request.member, **form.cleaned_data)
    context = _context(project, served=served, given=given, feedback_form=form)
    return render(request, "serving/playground.html#feedback", context, status=200 if given else 422)
