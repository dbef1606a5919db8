"""What is new since the last run of a kind: what refits and trainings of the body are due by."""

from django.db.models import QuerySet

from labeling.models import Project
from labeling.services import count_new_judgements
from training.models import TrainingRun


def last_run(project: Project, runs: QuerySet[TrainingRun]) -> TrainingRun | None:
    """The newest with a snapshot, however it ended: a failed one is not tried again before something new is there."""
    return runs.filter(project=project, snapshot__isnull=False).select_related("snapshot").order_by("-pk").first()


def learnt_from(last: TrainingRun | None) -> int:
    """So many judgements were in its snapshot; none without a last run."""
    return last.snapshot.judgement_count if last and last.snapshot else 0


def new_judgements_since(project: Project, last: TrainingRun | None, *, limit: int | None = None) -> int:
    """Counted judgements that its snapshot does not know."""
    return count_new_judgements(
        project, after=last.snapshot.last_judgement_id if last and last.snapshot else 0, limit=limit
    )
