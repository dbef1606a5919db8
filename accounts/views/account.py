"""One's own page: name, password, API tokens."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.decorators import MemberRequest, signed_in
from accounts.forms import NameForm, PasswordForm, TokenForm
from accounts.models import ApiToken, User
from accounts.passwords import change_password
from accounts.refusals import shown_on
from accounts.tokens import create_token, revoke_token


def _page(request: HttpRequest, *, status: int = 200, **given: object) -> HttpResponse:
    assert isinstance(request.user, User)
    context: dict[str, object] = {
        "nav": "account",
        "name_form": NameForm(initial={"name": request.user.name}),
        "password_form": PasswordForm(user=request.user),
    }
    member = getattr(request, "member", None)
    if member:
        context["tokens"] = ApiToken.objects.filter(membership=member, revoked_at=None)
        context["token_form"] = TokenForm(member=member, prefix="token")
    return render(request, "accounts/account.html", context | given, status=status)


@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Everything that is one's own."""
    return _page(request)


@require_POST
@login_required
def rename(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    form = NameForm(request.POST)
    if not form.is_valid():
        return _page(request, name_form=form, status=422)
    User.objects.filter(pk=request.user.pk).update(name=form.cleaned_data["name"])
    messages.success(request, "Your name is changed.")
    return redirect("account")


@require_POST
@login_required
def password(request: HttpRequest) -> HttpResponse:
    """Change the password; this browser stays signed in, all others are signed out."""
    assert isinstance(request.user, User)
    form = PasswordForm(request.POST, user=request.user)
    if not form.is_valid():
        return _page(request, password_form=form, status=422)
    change_password(user=request.user, new=form.cleaned_data["new"])
    update_session_auth_hash(request, request.user)
    messages.success(request, "Your password is changed. Other browsers are signed out.")
    return redirect("account")


@never_cache
@require_http_methods(["GET", "POST"])
@signed_in
def tokens(request: MemberRequest) -> HttpResponse:
    """Make a token; its text is on the answer to this request and nowhere else."""
    if request.method == "GET":
        return redirect("account")
    form = TokenForm(request.POST, member=request.member, prefix="token")
    if form.is_valid():
        with shown_on(form):
            token, text = create_token(by=request.member, **form.cleaned_data)
            return _page(request, new_token=token, new_token_text=text)
    return _page(request, token_form=form, status=422)


@require_POST
@signed_in
def token_revoke(request: MemberRequest, token_id: int) -> HttpResponse:
    """End one of one's own tokens."""
    token = get_object_or_404(
        ApiToken.objects.for_member(request.member).filter(membership=request.member), pk=token_id
    )
    revoke_token(token=token, by=request.member)
    messages.success(request, f"{token.name} is revoked: what used it is refused from now on.")
    return redirect("account")
