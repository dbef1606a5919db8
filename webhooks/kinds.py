"""What a webhook can be told of."""

from django.db import models


class EventKind(models.TextChoices):
    JUDGEMENT_CREATED = "judgement.created", "A judgement was made"
    JUDGEMENT_RETRACTED = "judgement.retracted", "A judgement was taken back"
    SNAPSHOT_FROZEN = "snapshot.frozen", "A snapshot was frozen"
    RUN_FINISHED = "run.finished", "A run ended: succeeded, failed or was cancelled"
    VERSION_PROMOTED = "version.promoted", "A version took a step towards its users"
    VERSION_ROLLED_BACK = "version.rolled_back", "A version was taken back from its users"


# Sent by a button, whatever the webhook asked for.
TEST = "test"
