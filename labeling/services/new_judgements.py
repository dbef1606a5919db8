"""How much has been judged since a moment that a judgement's id marks."""

from django.db.models import Exists, OuterRef

from labeling.models import Judgement, Project


def count_new_judgements(project: Project, *, after: int, limit: int | None = None) -> int:
    """Counted judgements with a higher id, no further than `limit`."""
    newer = Judgement.objects.filter(project=project, pk__gt=after, retracted_at=None, is_surplus=False)
    count: int = newer.order_by()[:limit].count() if limit else newer.count()
    return count


def judged_at_least(count: int) -> Exists:
    """A condition on projects: so many counted judgements. Of each project no more than that are read."""
    counted = Judgement.objects.filter(project=OuterRef("pk"), retracted_at=None, is_surplus=False)
    return Exists(counted.order_by()[count - 1 : count])
