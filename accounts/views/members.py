"""Who belongs to the organisation."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.decorators import MemberRequest, requires
from accounts.forms import MemberForm, RoleForm
from accounts.members import add_member, change_role, deactivate_member, reset_password
from accounts.models import Membership
from accounts.permissions import Permission, Role
from accounts.refusals import shown_on


def _page(
    request: MemberRequest, *, form: MemberForm | None = None, status: int = 200, **given: object
) -> HttpResponse:
    members = Membership.objects.for_member(request.member).select_related("user")
    context: dict[str, object] = {
        "nav": "members",
        "members": members.filter(is_active=True).order_by("user__name", "user__email"),
        "left": members.filter(is_active=False).order_by("user__email"),
        "roles": Role,
        "form": form or MemberForm(),
    }
    return render(request, "accounts/members.html", context | given, status=status)


def _member(request: MemberRequest, member_id: int) -> Membership:
    found: Membership = get_object_or_404(
        Membership.objects.for_member(request.member).select_related("user"), pk=member_id
    )
    return found


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Permission.MANAGE_MEMBERS)
def members(request: MemberRequest) -> HttpResponse:
    """The list; a POST adds somebody and shows their one-time password, once."""
    if request.method == "GET":
        return _page(request)
    form = MemberForm(request.POST)
    if form.is_valid():
        with shown_on(form):
            member, password = add_member(by=request.member, **form.cleaned_data)
            return _page(request, added=member, password=password)
    return _page(request, form=form, status=422)


@require_POST
@requires(Permission.MANAGE_MEMBERS)
def member_role(request: MemberRequest, member_id: int) -> HttpResponse:
    member = _member(request, member_id)
    form = RoleForm(request.POST)
    role = form.data.get("role", "")
    change_role(member=member, by=request.member, role=role)
    messages.success(request, f"{member.user} is now: {Role(role).label}.")
    return redirect("members")


@require_POST
@requires(Permission.MANAGE_MEMBERS)
def member_deactivate(request: MemberRequest, member_id: int) -> HttpResponse:
    member = _member(request, member_id)
    deactivate_member(member=member, by=request.member)
    messages.success(request, f"{member.user} can no longer sign in here. What they judged stays.")
    return redirect("members")


@never_cache
@require_POST
@requires(Permission.MANAGE_MEMBERS)
def member_password(request: MemberRequest, member_id: int) -> HttpResponse:
    """A new one-time password, shown on this answer and nowhere else."""
    member = _member(request, member_id)
    return _page(request, added=member, password=reset_password(member=member, by=request.member))
