"""Who judged, without saying who: a name for each annotator that only this installation can trace back."""

import hmac

from django.conf import settings

from labeling.models import Judgement, Project


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
