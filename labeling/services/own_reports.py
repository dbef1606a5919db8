"""What became of one's own reports."""

from dataclasses import dataclass

from django.utils.dateparse import parse_datetime
from django.utils.timezone import now

from accounts.models import Membership
from labeling.models import Report
from labeling.services.annotators import profile_of, set_preferences

_READ = "reports_read_at"


@dataclass(frozen=True, slots=True)
class OwnReports:
    """For the line on the list of projects."""

    total: int
    answered_since: int  # since the person last looked


def own_reports_told(member: Membership) -> OwnReports:
    """How many reports the person has made here, and how many answers are new to them."""
    mine = Report.objects.for_member(member).filter(by=member.user)
    answered = mine.filter(resolved_at__isnull=False)
    read_at = parse_datetime(str(profile_of(member).preferences.get(_READ, "")))
    if read_at:
        answered = answered.filter(resolved_at__gt=read_at)
    return OwnReports(mine.count(), answered.count())


def mark_reports_read(member: Membership) -> None:
    """The person has seen the answers there are."""
    set_preferences(by=member, **{_READ: now().isoformat()})
