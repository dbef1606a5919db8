"""Projects: set up, changed, paused, archived."""

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.content import check_text
from labeling.kinds.design import check_design
from labeling.models import Project
from labeling.selection import FOR_NEW_PROJECTS, policies
from labeling.services.annotators import check_tags
from labeling.services.axis_weights import axes_of, check_axis_weights
from labeling.services.queue import restart_queue

CHANGEABLE = frozenset(
    {
        "name", "purpose", "guidelines", "overlap", "lease_minutes", "held_out_percent", "selection_policy",
        "retrain_after", "refit_after", "random_share", "extra_overlap_percent", "design", "undo_minutes", "requires",
        "cap_per_person", "cap_per_day", "train_body_after", "axis_weights", "strength",
        "weigh_annotators", "remove_length",
    }
)  # fmt: skip


@transaction.atomic
def create_project(
    *,
    by: Membership,
    name: str,
    purpose: str = "",
    guidelines: str = "",
    **settings: Any,
) -> Project:
    """Set up a labelling effort in the member's organisation.

    Args:
        settings: those of CHANGEABLE; what is left out is as the model has it, but the order of items, which follows
            the reward model.

    Raises:
        NotPermitted: the member may not set up projects.
        Invalid: a field out of its range; `fields` says which.
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    _check_known(settings)
    project = Project(
        organisation=by.organisation, name=name.strip(), purpose=purpose.strip(), guidelines=guidelines,
        created_by=by.user, **{"selection_policy": FOR_NEW_PROJECTS} | settings,
    )  # fmt: skip
    _check(project)
    project.slug = _free_slug(project)
    project.save()
    record_event("project created", by=by, subject=project, name=project.name)
    return project


@transaction.atomic
def update_project(*, project: Project, by: Membership, **changes: Any) -> Project:
    """Change settings. A new overlap holds for items made from now on; prompts keep their part of the split.

    Raises:
        NotPermitted, Invalid
    """
    check_can(by, Permission.MANAGE_PROJECTS)
    _check_known(changes)
    stored = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    before = {name: getattr(stored, name) for name in changes}
    for name, value in changes.items():
        setattr(stored, name, value.strip() if name in ("name", "purpose") and isinstance(value, str) else value)
    _check(stored)
    if changes:
        stored.save(update_fields=list(changes))
    changed = {name: [old, getattr(stored, name)] for name, old in before.items() if old != getattr(stored, name)}
    changed.pop("guidelines", None)  # long; that they changed is told
    if "requires" in changed:
        # Cursors have passed items of people who may now have them.
        restart_queue(stored)
    record_event("project changed", by=by, subject=stored, changed=changed, guidelines_changed="guidelines" in changes)
    return stored


def pause_project(*, project: Project, by: Membership) -> None:
    """Give out no items for now. Judgements in hand are still taken."""
    _mark(project, by, "project paused", paused_at=now())


def resume_project(*, project: Project, by: Membership) -> None:
    """Give out items again."""
    _mark(project, by, "project resumed", paused_at=None)


def archive_project(*, project: Project, by: Membership) -> None:
    """Give out no items any more and leave the list; everything is kept."""
    _mark(project, by, "project archived", archived_at=now())


@transaction.atomic
def _mark(project: Project, by: Membership, verb: str, **state: Any) -> None:
    check_can(by, Permission.MANAGE_PROJECTS)
    ((field, value),) = state.items()
    # Only a real change is told in the trail: pausing twice is pausing once.
    if Project.objects.filter(pk=project.pk, **{f"{field}__isnull": value is not None}).update(**state):
        setattr(project, field, value)
        record_event(verb, by=by, subject=project)


def _check_known(settings: dict[str, Any]) -> None:
    if unknown := set(settings) - CHANGEABLE:
        raise Invalid(f"A project has no setting {', '.join(sorted(unknown))}.")


def _check(project: Project) -> None:
    for field in ("name", "purpose", "guidelines"):
        check_text(getattr(project, field), field.capitalize())
    try:
        project.full_clean(exclude=["slug", "created_by"])
    except ValidationError as error:
        fields = {name: " ".join(messages) for name, messages in error.message_dict.items()}
        told = " ".join(f"{name}: {why}" for name, why in fields.items())
        raise Invalid(f"The project cannot be saved like this. {told}", fields=fields) from None
    project.design = check_design(project.design)
    project.axis_weights = check_axis_weights(project.axis_weights, axes_of(project))
    project.requires = check_tags(project.requires)
    if project.selection_policy not in policies():
        why = f"Use one of {', '.join(policies())}."
        raise Invalid(f"There is no such selection policy. {why}", fields={"selection_policy": why})


def _free_slug(project: Project) -> str:
    stem = slugify(project.name)[:70] or "project"
    taken = set(
        Project.objects.filter(organisation=project.organisation, slug__startswith=stem).values_list("slug", flat=True)
    )
    numbers = [int(found[1]) for slug in taken if (found := re.fullmatch(rf"{re.escape(stem)}-(\d+)", slug))]
    return stem if stem not in taken else f"{stem}-{max(numbers, default=1) + 1}"
