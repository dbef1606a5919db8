"""Annotators: what they can, whether they work, and how they like the desk."""

import re
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import AnnotatorProfile, QueueCursor

_TAG = re.compile(r"(language|skill|qualified):[\w.+#-]{1,50}")
MAX_TAGS = 50


def profile_of(member: Membership) -> AnnotatorProfile:
    """The member's profile; one that is not stored yet when there is none."""
    return AnnotatorProfile.objects.filter(membership=member).first() or AnnotatorProfile(membership=member)


def check_tags(tags: Sequence[Any]) -> list[str]:
    """Sorted, in small letters, each once.

    Raises:
        Invalid: one that is not language:…, skill:… or qualified:….
    """
    found = sorted({str(tag).strip().lower() for tag in tags if str(tag).strip()})
    if len(found) > MAX_TAGS or any(not _TAG.fullmatch(tag) for tag in found):
        why = f"Write at most {MAX_TAGS} tags as language:de, skill:python or qualified:medicine."
        raise Invalid(why, fields={"requires": why, "tags": why})
    return found


@transaction.atomic
def set_tags(*, member: Membership, by: Membership, tags: Sequence[str]) -> None:
    """What the annotator can: items and projects may ask for it.

    Raises:
        NotPermitted, Invalid
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    profile = _own(member)
    before, profile.tags = profile.tags, check_tags(tags)
    profile.save(update_fields=["tags"])
    # Items that this person could not have had lie behind the cursors.
    QueueCursor.objects.filter(annotator_id=member.user_id, project__organisation_id=member.organisation_id).delete()
    record_event("annotator's tags changed", by=by, subject=member, before=before, after=profile.tags)


@transaction.atomic
def pause_annotator(*, member: Membership, by: Membership, paused: bool = True) -> None:
    """Give this person no items for now, in any project of the organisation; or do so again."""
    check_can(by, Permission.MANAGE_PROJECTS)
    profile = _own(member)
    if (profile.paused_at is not None) != paused:
        profile.paused_at = now() if paused else None
        profile.save(update_fields=["paused_at"])
        record_event("annotator paused" if paused else "annotator resumed", by=by, subject=member)


@transaction.atomic
def set_preferences(*, by: Membership, **changes: Any) -> dict[str, Any]:
    """How this person likes the desk; answers all preferences."""
    profile = _own(by)
    profile.preferences |= changes
    profile.save(update_fields=["preferences"])
    return dict(profile.preferences)


def _own(member: Membership) -> AnnotatorProfile:
    profile, _ = AnnotatorProfile.objects.get_or_create(membership=member)
    found: AnnotatorProfile = AnnotatorProfile.objects.select_for_update(no_key=True).get(pk=profile.pk)
    return found
