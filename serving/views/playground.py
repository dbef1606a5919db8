"""The playground: the project's model as its users meet it, with the same routing, record and feedback."""

import json
import uuid
from itertools import chain
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.errors import AccordError
from accounts.permissions import Permission
from accounts.refusals import shown_on
from labeling.models import Project
from models_registry.services import production_version
from serving.chat_request import ChatRequest
from serving.conversation import messages_after, own_answer, own_answers, turn_of, turns_up_to
from serving.forms import FeedbackForm, MessageForm
from serving.models import ServedResponse
from serving.services import answer_in_pieces, record_feedback, with_refusal
from serving.views.common import project_of

# Short answers: the person is waiting.
SAMPLING = {"max_tokens": 256, "temperature": 0.7}
TEMPLATE = "serving/playground.html"
# What the page's script sends when it wants the words as they are written.
STREAM_HEADER = "X-Accord-Stream"
Part = str | ServedResponse | AccordError


def _context(project: Project, **more: Any) -> dict[str, Any]:
    return {"project": project, "tab": "playground", "client_id": uuid.uuid4()} | more


def _address(project: Project, served: ServedResponse) -> str:
    return f"{reverse('playground', args=[project.pk])}?at={served.pk}"


@require_safe
@requires(Permission.USE_ENDPOINT)
def playground(request: MemberRequest, project_id: int) -> HttpResponse:
    """An empty conversation, or with `?at=` the person's own one up to that answer."""
    return _page(request, project_of(request.member, project_id), request.GET.get("at", ""))


def _page(
    request: MemberRequest, project: Project, at: str, *, form: MessageForm | None = None, status: int = 200
) -> HttpResponse:
    last = own_answer(request.member, project, at) if at else None
    context = _context(
        project,
        turns=turns_up_to(last, own_answers(request.member, project)) if last else [],
        at=last,
        form=form or MessageForm(initial={"after": last.pk if last else None}),
        production=production_version(project.pk),
    )
    return render(request, TEMPLATE, context, status=status)


@require_POST
@requires(Permission.USE_ENDPOINT)
def send(request: MemberRequest, project_id: int) -> HttpResponseBase:
    """The next turn: to the page's script as it is written; without a script, the page with the whole answer."""
    project = project_of(request.member, project_id)
    form, streams = MessageForm(request.POST), STREAM_HEADER in request.headers
    after = form.data.get("after", "")
    if form.is_valid():
        last = own_answer(request.member, project, after) if after else None
        message = {"role": "user", "content": form.cleaned_data["message"]}
        chat = ChatRequest(
            messages=[*messages_after(last), message], sampling=SAMPLING, follows=last.pk if last else None
        )
        pieces = answer_in_pieces(project=project, by=request.member, chat=chat)
        with shown_on(form):
            # Up to the first words everything can still be refused with a status.
            first = next(pieces)
            if streams:
                parts = with_refusal(chain([first], pieces), close=pieces.close)
                lines = (json.dumps(_line(request, project, part)) + "\n" for part in parts)
                headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
                return StreamingHttpResponse(lines, content_type="application/x-ndjson", headers=headers)
            *_, served = first, *pieces
            assert isinstance(served, ServedResponse)
            return HttpResponseRedirect(_address(project, served))
    if streams:
        return render(request, f"{TEMPLATE}#refused", _context(project, form=form), status=422)
    return _page(request, project, after, form=form, status=422)


def _line(request: MemberRequest, project: Project, part: Part) -> dict[str, str]:
    """A piece as `{"text"}`; the stored answer as the turn that the page shows; a refusal in the place of either."""
    if isinstance(part, str):
        return {"text": part}
    if isinstance(part, AccordError):
        return {"refused": render_to_string(f"{TEMPLATE}#refused", _context(project, why=part.message), request)}
    html = render_to_string(f"{TEMPLATE}#turn", _context(project, turn=turn_of(part), at=part), request)
    return {"html": html, "after": str(part.pk), "address": _address(project, part)}


@require_POST
@requires(Permission.USE_ENDPOINT)
def feedback(request: MemberRequest, project_id: int, served_id: uuid.UUID) -> HttpResponse:
    """A thumb, or the edited answer. Either can be followed by the other, and a thumb by another thumb."""
    project = project_of(request.member, project_id)
    answers = ServedResponse.objects.for_member(request.member).filter(project=project)
    served: ServedResponse = get_object_or_404(answers, pk=served_id)
    form = FeedbackForm(request.POST)
    given = None
    if form.is_valid():
        with shown_on(form):
            given, _ = record_feedback(served=served, by=request.member, **form.cleaned_data)
    if not getattr(request, "htmx", False) and "at" in request.POST:
        for why in (why for whys in form.errors.values() for why in whys):
            messages.error(request, str(why))
        if given:
            messages.success(request, "Thank you. What you said of the answer is stored.")
        return HttpResponseRedirect(_address(project, own_answer(request.member, project, request.POST["at"])))
    context = _context(project, turn=turn_of(served), given=given, feedback_form=form, at=served)
    return render(request, f"{TEMPLATE}#feedback", context, status=200 if given else 422)
