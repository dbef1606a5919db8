"""Signing in by e-mail and password, with guesses counted in the database: every web process sees the same count."""

import math
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import connection, transaction
from django.http import HttpRequest
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import AccordError, Invalid
from accounts.models import Membership, SignInAttempt, User

ATTEMPTS = 10
WINDOW = timedelta(minutes=15)


class TooManyAttempts(AccordError):
    http_status = 429
    code = "too_many_requests"


def check_credentials(*, request: HttpRequest, email: str, password: str) -> User:
    """The person of this e-mail and password; the audit trail of each of their organisations says that they came.

    Raises:
        TooManyAttempts: this e-mail was tried too often from this address.
        Invalid: unknown e-mail, wrong password or a closed account; it does not say which.
    """
    email, address = email.strip().lower()[:254], address_of(request)[:45]
    _count_attempt(email, address)
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        raise Invalid("This e-mail and password do not belong together. Check both, and try again.")
    with transaction.atomic():
        SignInAttempt.objects.filter(email=email, address=address).delete()
        for member in Membership.objects.filter(user=user, is_active=True).select_related("organisation", "user"):
            record_event("signed in", by=member, subject=user, address=address)
    return user


def address_of(request: HttpRequest) -> str:
    """Where the request comes from: behind one of our own proxies, what that proxy says.

    Without it everybody behind a proxy would share one address, and a stranger could lock the others out.
    """
    address: str = request.META.get("REMOTE_ADDR", "")
    # From the right: what stands further left than our own proxies was written by the caller and may be invented.
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    while address in settings.TRUSTED_PROXIES and forwarded:
        address = forwarded.pop()
    return address


@transaction.atomic
def _count_attempt(email: str, address: str) -> None:
    """Count the attempt before the password is looked at: guesses sent at once are then counted too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"sign-in {email} {address}"])
    mine = SignInAttempt.objects.filter(email=email, address=address)
    mine.filter(at__lt=now() - WINDOW).delete()
    times = list(mine.order_by("at").values_list("at", flat=True))
    if len(times) >= ATTEMPTS:
        minutes = math.ceil((times[-ATTEMPTS] + WINDOW - now()) / timedelta(minutes=1))
        raise TooManyAttempts(
            f"Too many attempts for this e-mail from your address ({address or 'unknown'}). Wait {max(1, minutes)} "
            f"minute{'s' if minutes > 1 else ''} and try again. From other addresses this e-mail can still sign in."
        )
    SignInAttempt.objects.create(email=email, address=address)
