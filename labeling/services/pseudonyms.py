"""Who judged, without saying who: a name for each annotator that only this installation can trace back."""

import hmac
from collections import Counter
from collections.abc import Sequence

from django.conf import settings

from labeling.models import AnnotatorProfile, Judgement, Project

# A tag that fewer people have would tell who is behind a pseudonym.
FEWEST_OF_A_GROUP = 2


def pseudonym(project_id: int, user_id: int) -> str:
    """Stable within a project, and not to be linked with the same person's in another one."""
    message = f"annotator:{project_id}:{user_id}".encode()
    return hmac.new(settings.SECRET_KEY.encode(), message, "sha256").hexdigest()[:12]


def pseudonyms_of(project: Project) -> tuple[list[int], list[str]]:
    """The users who judged in the project and their pseudonyms, in the same order; a program's says "simulated"."""
    users = Judgement.objects.filter(project=project).order_by("annotator_id").distinct()
    found = list(users.values_list("annotator_id", "annotator__is_simulated"))
    names = [("simulated-" if simulated else "") + pseudonym(project.pk, user_id) for user_id, simulated in found]
    return [user_id for user_id, _ in found], names


def groups_of(project: Project, users: Sequence[int]) -> list[list[str]]:
    """The groups of each of these users: those of their tags (languages, skills, qualifications) that others share."""
    profiles = AnnotatorProfile.objects.filter(
        membership__organisation_id=project.organisation_id, membership__user_id__in=users
    )
    tags = dict(profiles.values_list("membership__user_id", "tags"))
    people = Counter(tag for own in tags.values() for tag in set(own))
    return [sorted(tag for tag in set(tags.get(user, ())) if people[tag] >= FEWEST_OF_A_GROUP) for user in users]
