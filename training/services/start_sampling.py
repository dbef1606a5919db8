"""Asking for answers: a SamplingJob, and its cancelling."""

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now

from accounts.audit import record_event
from accounts.errors import Invalid
from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.models import Project
from models_registry.models import ModelVersion, VersionKind
from models_registry.services import production_version
from training.enqueue import enqueue_sampling
from training.errors import IllegalMove, NotReady
from training.models import RunStatus, SamplingJob, TrainingRun
from training.services.first_version import prepare_first_version
from training.states import move_status


@transaction.atomic
def start_sampling(
    *,
    project: Project,
    by: Membership | None,
    version: ModelVersion | None = None,
    after: TrainingRun | None = None,
    responses_per_prompt: int = 2,
    max_tokens: int = 96,
    temperature: float = 0.9,
) -> SamplingJob:
    """Queue a job that has `version` answer the project's prompts; with `after`, the version that this run will make.

    Without either it is the version in production, else the newest policy, else the base; and in a project that has
    none of them a base model is prepared first.

    Raises:
        NotPermitted: the role may not start runs.
        Invalid: a setting out of range.
        NotReady: there is no prompt, or such a job is unfinished.
    """
    if by:
        check_can(by, Permission.START_RUNS)
    _check_settings(responses_per_prompt, max_tokens, temperature)
    project = Project.objects.select_for_update().get(pk=project.pk)
    if version is not None and version.kind == VersionKind.REWARD_MODEL:
        raise Invalid(
            "A reward model scores answers and writes none. Choose a policy.", fields={"version": "A policy."}
        )
    if not project.prompts.exists():
        raise NotReady("This project has no prompts yet. Import some, then have answers written.")
    if version is None and after is None:
        version = answering_version(project.pk)
    if version is None and after is None:
        version, after = prepare_first_version(project=project, by=by)
    same = SamplingJob.objects.unfinished().filter(Q(version=version, after=after), project=project).first()
    if same:
        raise NotReady("Answers of this version are being written already. Wait until that is done, or cancel it.")
    job: SamplingJob = SamplingJob.objects.create(
        project=project,
        version=version,
        after=after,
        responses_per_prompt=responses_per_prompt,
        max_tokens=max_tokens,
        temperature=temperature,
        total=project.prompts.count(),
        created_by=by.user if by else None,
    )
    record_event("sampling started", by=by, subject=job, organisation=project.organisation)
    enqueue_sampling(job.pk)
    return job


def answering_version(project_id: int) -> ModelVersion | None:
    """The version in production, else the newest policy, else the newest base."""
    production = production_version(project_id)
    if production is not None:
        return production
    versions = ModelVersion.objects.for_project(project_id).order_by("-id")
    found: ModelVersion | None = versions.policies().first() or versions.filter(kind=VersionKind.BASE).first()
    return found


def _check_settings(responses_per_prompt: int, max_tokens: int, temperature: float) -> None:
    wrong = {}
    if not 2 <= responses_per_prompt <= 8:
        wrong["responses_per_prompt"] = "Use a whole number from 2 to 8."
    if not 1 <= max_tokens <= 4096:
        wrong["max_tokens"] = "Use a whole number from 1 to 4096."
    if not 0.1 <= temperature <= 2:
        wrong["temperature"] = "Use a number from 0.1 to 2: at 0 all answers to a prompt would be the same."
    if wrong:
        raise Invalid("Some settings are out of range: " + " ".join(wrong.values()), fields=wrong)


@transaction.atomic
def cancel_sampling(*, job: SamplingJob, by: Membership) -> SamplingJob:
    """Stop asking. Answers and items that exist already stay.

    Raises:
        NotPermitted: the role may not cancel runs.
        IllegalMove: it has ended.
    """
    check_can(by, Permission.START_RUNS)
    job = SamplingJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if job.is_finished:
        raise IllegalMove(f"This sampling job has ended already: it is {job.status}.")
    if job.status == RunStatus.QUEUED:
        move_status(job, to=RunStatus.CANCELLED, cancel_requested_at=now())
    elif job.cancel_requested_at is None:
        job.cancel_requested_at = now()
        job.save(update_fields=["cancel_requested_at"])
    record_event("sampling cancelled", by=by, subject=job, organisation=job.project.organisation)
    return job
