"""Items as a manager sees them: the queue, one item, its preview, and doing something to many at once."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from accounts.decorators import MemberRequest, requires
from accounts.paging import page_of
from accounts.permissions import Permission, can
from accounts.refusals import shown_on
from labeling import services
from labeling.desk_card import lay_out_preview
from labeling.kinds import all_kinds
from labeling.models import BulkAction, Item, Project
from labeling.services.queue_filter import MAX_COUNTED, STATES, QueueFilter, count_queue, queue_items
from labeling.services.queue_rows import queue_rows, who_may_have
from labeling.views.common import project_of, warn_of

ACTS = [
    ("release", "End leases", "Gives what is held now back to the queue; a verdict that still comes is kept."),
    ("reassign", "Give to somebody else", "Ends the leases, and from now on only this person gets it."),
    ("reserve", "Reserve for", "Only this person gets it; nobody chosen: everybody does again."),
    ("withdraw", "Withdraw", "Nobody gets it any more; what was judged of it stays."),
    ("put_back", "Put back", "A withdrawn item is given out again."),
    ("overlap", "People per item", "How many judge it; never fewer than have judged or hold it."),
    (
        "priority",
        "Priority",
        (
            "Higher comes first. Above 1 or below 0 it stays when places are worked out anew. Items that you move are "
            "no longer drawn at random: agreement, and what random items show, leave them out."
        ),
    ),
]

# What an act is made of besides the items. After a refusal it stands in the address, as "do_act" and so on.
ASKED = ("act", "scope", "person", "overlap", "priority")


@require_safe
@requires(Permission.VIEW_PROJECTS)
def items(request: MemberRequest, project_id: int) -> HttpResponse:
    """The queue: a page of items in a state, newest first, and who holds what since when."""
    project = project_of(request.member, project_id)
    wanted = QueueFilter.read({name: value for name, value in request.GET.items() if not name.startswith("do_")})
    page = page_of(
        queue_items(project, wanted).select_related("prompt", "reserved_for"), before=request.GET.get("before")
    )
    found = count_queue(project, wanted)
    query = QueryDict(mutable=True)
    query.update(wanted.told())
    place = query.copy()
    if before := request.GET.get("before"):
        place["before"] = before
    context = {
        "project": project,
        "tab": "items",
        "part": "queue",
        "page": page,
        "rows": queue_rows(page.rows),
        "wanted": wanted,
        "query": query.urlencode(),
        "back": f"{request.path}?{place.urlencode()}",
        **_asked_before(request.GET),
        "states": STATES.items(),
        "kinds": all_kinds().values(),
        "found": min(found, MAX_COUNTED),
        "is_bounded": found > MAX_COUNTED,
        "has_items": found or services.has_items(project),
        **_acting(request, project),
    }
    return render(request, "labeling/items.html", context)


def _asked_before(query: QueryDict) -> dict[str, object]:
    """What was refused, as `_ask_again` put it into the address: the page shows it as it was."""
    chosen = {int(pk) for pk in query.get("do_items", "").split(",") if pk.isdecimal() and len(pk) < 19}
    return {"chosen": chosen, "asked": {name: query.get(f"do_{name}", "") for name in ASKED}}


def _ask_again(request: MemberRequest, project: Project) -> str:
    """The page that was acted on, with the choice of items and what was to be done."""
    address, _, query = _back(request, project).partition("?")
    place = QueryDict(query, mutable=True)
    place["do_items"] = ",".join(pk for pk in request.POST.getlist("item") if pk.isdecimal() and len(pk) < 19)
    place.update({f"do_{name}": value[:40] for name in ASKED if (value := request.POST.get(name, ""))})
    return f"{address}?{place.urlencode()}"


def _acting(request: MemberRequest, project: Project) -> dict[str, object]:
    """What can be done to items, what was done lately, and who there is."""
    may = can(request.member, Permission.MANAGE_PROJECTS)
    lately = BulkAction.objects.filter(project=project).select_related("by", "undone_by").order_by("-pk")
    return {
        "acts": ACTS if may else [],
        "people": who_may_have(project),
        "lately": [action for action in lately[:5] if action.is_recent] if may else [],
    }


@require_safe
@requires(Permission.VIEW_PROJECTS)
def item(request: MemberRequest, project_id: int, item_id: int) -> HttpResponse:
    """One item: who has it, what was said of it, what is reported, and what can be done to it."""
    project = project_of(request.member, project_id)
    found = _item(request, project, item_id)
    may_review = can(request.member, Permission.REVIEW)
    judgements = services.judgements_of_items(project=project, by=request.member, items=[found]) if may_review else {}
    context = {
        "project": project,
        "tab": "items",
        "item": found,
        "row": queue_rows([found])[0],
        "responses": services.name_responses(found.prompt),
        "shown": set(found.item_responses.values_list("response_id", flat=True)),
        "may_review": may_review,
        "judgements": judgements.get(found.pk, []),
        "reports": found.reports.select_related("by", "resolved_by").order_by("-pk")[:50],
        **_asked_before(request.GET),
        **_acting(request, project),
    }
    return render(request, "labeling/item.html", context)


def _item(request: MemberRequest, project: Project, item_id: int) -> Item:
    rows = Item.objects.for_member(request.member).select_related("project", "prompt", "reserved_for")
    found: Item = get_object_or_404(rows, pk=item_id, project=project)
    return found


@require_safe
@requires(Permission.VIEW_PROJECTS)
def preview(request: MemberRequest, project_id: int, item_id: int) -> HttpResponse:
    """The item as an annotator will see it; nothing can be sent from here."""
    project = project_of(request.member, project_id)
    found = _item(request, project, item_id)
    context = {"project": project, "tab": "items", "item": found, "card": lay_out_preview(found), "preview": True}
    return render(request, "labeling/item_preview.html", context)


class ActForm(forms.Form):
    """What to do, to which items."""

    act = forms.CharField(max_length=20, error_messages={"required": "Choose what to do."})
    scope = forms.ChoiceField(choices=[("chosen", "chosen"), ("all", "all")], required=False)
    person = forms.IntegerField(required=False)
    overlap = forms.IntegerField(required=False, error_messages={"invalid": "People per item: use a whole number."})
    priority = forms.FloatField(required=False, error_messages={"invalid": "Priority: use a number."})


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def act(request: MemberRequest, project_id: int) -> HttpResponse:
    """Do something to the chosen items, or to all that the filter lets through."""
    project = project_of(request.member, project_id)
    form = ActForm(request.POST)
    if form.is_valid():
        with shown_on(form):
            done = services.act_on_items(project=project, by=request.member, order=_order(request, form))
            _tell(request, done)
            if done.act == BulkAction.Act.OVERLAP:
                warn_of(request, project)
    for errors in form.errors.values():
        for why in errors:
            messages.error(request, f"Nothing was changed. {why}")
    return redirect(_ask_again(request, project) if form.errors else _back(request, project))


def _order(request: MemberRequest, form: ActForm) -> services.Order:
    given = dict(form.cleaned_data)
    on_all = given.pop("scope") == "all"
    ids = [int(pk) for pk in request.POST.getlist("item") if pk.isdecimal() and len(pk) < 19]
    wanted = QueueFilter.read({name: request.POST.get(f"filter_{name}", "") for name in ("state", "kind", "person")})
    return services.Order(**given, ids=[] if on_all else ids, filter=wanted if on_all else None)


def _tell(request: MemberRequest, done: BulkAction) -> None:
    if done.state == BulkAction.State.WORKING:
        messages.info(request, f"{done.get_act_display()}: under way. This page shows how far it is.")
        return
    left = f" {done.left_out} left as they were: it does not fit them." if done.left_out else ""
    messages.success(request, f"{done.get_act_display()}: {done.changed} item{'' if done.changed == 1 else 's'}.{left}")


def _back(request: MemberRequest, project: Project) -> str:
    to = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(to, allowed_hosts=None) and to.startswith(f"/projects/{project.pk}/")
    return to if is_ours else f"/projects/{project.pk}/items/"


@require_POST
@requires(Permission.MANAGE_PROJECTS)
def undo(request: MemberRequest, project_id: int, action_id: int) -> HttpResponse:
    """Take a bulk action back, and say what could not be."""
    project = project_of(request.member, project_id)
    action = get_object_or_404(BulkAction.objects.for_member(request.member), pk=action_id, project=project)
    undone = services.undo_action(action=action, by=request.member)
    if undone.state == BulkAction.State.UNDOING:
        messages.info(request, "It is being undone. This page shows how far it is.")
    elif undone.not_restored:
        messages.warning(
            request,
            f"Undone for {undone.restored} of {undone.changed}. The other {undone.not_restored} changed since, or "
            "their place is taken: they stay as they are.",
        )
    else:
        messages.success(request, f"Undone: {undone.restored} item{'' if undone.restored == 1 else 's'} as before.")
    return redirect(_back(request, project))
