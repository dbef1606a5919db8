"""What labeling does: every change of its rows goes through one of these."""

from labeling.services.agreement import AgreementFigures, PairAgreement, measure_agreement
from labeling.services.expiry import expire_leases
from labeling.services.exports import iter_export
from labeling.services.figures import ProjectFigures, project_figures
from labeling.services.holding import check_assigned, release, renew_lease, save_draft, skip_assignment
from labeling.services.imports import ImportReport, import_records
from labeling.services.items import make_item, make_items
from labeling.services.judging import submit_comparison, undo_last
from labeling.services.lease import lease_next
from labeling.services.projects import (
    archive_project,
    create_project,
    pause_project,
    resume_project,
    update_project,
)
from labeling.services.prompts import create_prompt
from labeling.services.queue import fold_reopened, restart_queue
from labeling.services.responses import store_response
from labeling.services.snapshots import freeze_snapshot, new_judgements_since_snapshot

__all__ = [
    "AgreementFigures",
    "ImportReport",
    "PairAgreement",
    "ProjectFigures",
    "archive_project",
    "check_assigned",
    "create_project",
    "create_prompt",
    "expire_leases",
    "fold_reopened",
    "freeze_snapshot",
    "import_records",
    "iter_export",
    "lease_next",
    "make_item",
    "make_items",
    "measure_agreement",
    "new_judgements_since_snapshot",
    "pause_project",
    "project_figures",
    "release",
    "renew_lease",
    "restart_queue",
    "resume_project",
    "save_draft",
    "skip_assignment",
    "store_response",
    "submit_comparison",
    "undo_last",
    "update_project",
]
