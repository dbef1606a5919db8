from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, Q, Value, When

from accounts.scoping import OrganisationQuerySet
from labeling.models.project import Project


class CompetenceReportQuerySet(OrganisationQuerySet["CompetenceReport"]):
    organisation_path = "project__organisation"

    def unfinished(self) -> Self:
        """Asked for, and not there yet."""
        return self.filter(state__in=[CompetenceReport.State.WAITING, CompetenceReport.State.RUNNING])


class CompetenceReport(models.Model):
    """What a project's labels say of its annotators, as it was worked out last, and whether it is being done anew."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="competence_report")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    # Counts the workers that took it; one that was thought dead and is not finds that it has another's number.
    fence = models.PositiveIntegerField(default=0)
    # Workers that were lost since it was asked for.
    attempts = models.PositiveSmallIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="competence_reports"
    )
    requested_at = models.DateTimeField()
    # Of the figures that stand below, which stay while new ones are worked out.
    computed_at = models.DateTimeField(null=True, blank=True)
    labels = models.PositiveIntegerField(default=0)
    shared_items = models.PositiveIntegerField(default=0)
    last_judgement_id = models.BigIntegerField(default=0)

    objects: ClassVar[Any] = CompetenceReportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["waiting", "running", "done", "failed"]),
                name="competence_report_state_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"Competence in project {self.project_id}"

    @property
    def is_unfinished(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)


class Doubt(models.TextChoices):
    BELOW_A_GUESS = "below a guess"  # right less often than somebody who guesses
    GUESSES = "guesses"  # more often than knowing, by both measures
    DISPUTED = "disputed"  # by the one measure (MACE's, which errs where people are few), and not by the other


class AnnotatorCompetenceQuerySet(OrganisationQuerySet["AnnotatorCompetence"]):
    organisation_path = "report__project__organisation"

    def with_doubt(self) -> Self:
        """With what is surely to be said against each one's verdicts, as `doubt`."""
        knows_less_than_half = Q(knows_high__lt=0.5)
        return self.annotate(
            doubt=Case(
                When(right_high__lt=0, then=Value(Doubt.BELOW_A_GUESS)),
                When(knows_less_than_half, right_high__lt=0.5, then=Value(Doubt.GUESSES)),
                When(knows_less_than_half, then=Value(Doubt.DISPUTED)),
                default=Value(""),
            )
        )


class AnnotatorCompetence(models.Model):
    """One annotator's figures. The later the id, the more there is to be said against them: pages begin there."""

    report = models.ForeignKey(CompetenceReport, on_delete=models.CASCADE, related_name="annotators")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="competence_figures", db_index=False
    )
    # Labels of items that somebody else labelled too.
    labels = models.PositiveIntegerField()
    # From 0, always guesses, to 1, always knows (MACE).
    knows = models.FloatField()
    knows_low = models.FloatField()
    knows_high = models.FloatField()
    # 1 always right, 0 as often as a guess, below 0 less often (Dawid and Skene).
    right = models.FloatField()
    right_low = models.FloatField()
    right_high = models.FloatField()

    objects: ClassVar[Any] = AnnotatorCompetenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["annotator", "report"], name="competence_once_an_annotator"),
            models.CheckConstraint(
                condition=models.Q(knows_low__gte=0, knows_high__lte=1, right_low__gte=-1, right_high__lte=1)
                & models.Q(knows_low__lte=models.F("knows"), knows_high__gte=models.F("knows"))
                & models.Q(right_low__lte=models.F("right"), right_high__gte=models.F("right")),
                name="competence_lies_in_its_interval",
            ),
        ]

    def __str__(self) -> str:
        return f"Annotator {self.annotator_id}: {self.knows:.2f}"

    @property
    def knows_interval(self) -> tuple[float, float]:
        return self.knows_low, self.knows_high

    @property
    def right_interval(self) -> tuple[float, float]:
        return self.right_low, self.right_high
