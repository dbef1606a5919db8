"""In, out, and which organisation to act for."""

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import SignInForm
from accounts.middleware import SESSION_KEY
from accounts.models import Membership
from accounts.refusals import shown_on
from accounts.sign_in import check_credentials


def _next_page(request: HttpRequest) -> str:
    """Where the person was going, when that is one of our own pages."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else resolve_url("home")


@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The form; with the right password, the page that was asked for."""
    form = SignInForm(request.POST if request.method == "POST" else None)
    if request.method == "GET" and request.user.is_authenticated:
        return HttpResponseRedirect(_next_page(request))
    if form.is_valid():
        with shown_on(form):
            user = check_credentials(request=request, **form.cleaned_data)
            login(request, user)
            if user.password_is_temporary:
                messages.warning(request, "An administrator made your password. Choose your own now.")
                return redirect("account")
            return HttpResponseRedirect(_next_page(request))
    context = {"form": form, "next": _next_page(request)}
    return render(request, "accounts/sign_in.html", context, status=422 if form.errors else 200)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("sign-in")


@require_POST
@login_required
def switch_organisation(request: HttpRequest) -> HttpResponse:
    """Act for another organisation from here on; one that the person belongs to."""
    mine = Membership.objects.filter(user_id=request.user.pk or 0, is_active=True)
    number = request.POST.get("organisation", "")
    member = get_object_or_404(mine, organisation_id=int(number) if number.isdecimal() else 0)
    request.session[SESSION_KEY] = member.organisation_id
    return redirect("home")
