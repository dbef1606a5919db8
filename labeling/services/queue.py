"""A project's queue as a whole: what makes annotators' cursors start again."""

from django.db import connection, transaction
from django.db.models import F

from labeling.models import Item, Project

# So many reopened items a scan may have to step over before the sweep folds them back into the queue.
MAX_REOPENED = 200


def restart_queue(project: Project) -> None:
    """Let every annotator's cursor start again: items were added or re-prioritised behind where they are.

    Always after adding in bulk: ids are drawn before they are committed, so that "behind" cannot be told by comparing.
    """
    Project.objects.filter(pk=project.pk).update(queue_epoch=F("queue_epoch") + 1)


def fold_reopened() -> int:
    """Take the reopened marks away where they have become many, and restart those queues instead.

    An annotator's lease steps over each reopened item that this person has had: someone who skips a thousand items
    that nobody else takes would pay for them with every lease. Returns how many queues were restarted.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT project_id FROM labeling_item WHERE open_slots > 0 AND reopened
               GROUP BY project_id HAVING count(*) > %s""",
            [MAX_REOPENED],
        )
        crowded = [row[0] for row in cursor.fetchall()]
    for project in Project.objects.filter(pk__in=crowded):
        with transaction.atomic():
            restart_queue(project)
            # Whoever holds a row keeps its mark: a sweep waits for nobody.
            marked = Item.objects.open().filter(project=project, reopened=True)
            free = marked.select_for_update(skip_locked=True, no_key=True).values("pk")
            Item.objects.filter(pk__in=free).update(reopened=False)
    return len(crowded)
