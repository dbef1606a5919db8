"""What labeling does: every change of its rows goes through one of these."""

from labeling.services.agreement import AgreementFigures, PairAgreement, measure_agreement
from labeling.services.annotator_weights import store_annotator_weights
from labeling.services.annotators import pause_annotator, profile_of, set_preferences, set_tags
from labeling.services.bulk_actions import Order, act_on_items, carry_on, carry_on_unfinished, undo_action
from labeling.services.competence import compute_competence, request_competence, sweep_competence
from labeling.services.contradictions import ask_second_opinion, store_contradictions
from labeling.services.expiry import expire_leases
from labeling.services.exports import iter_export
from labeling.services.figures import ProjectFigures, project_figures
from labeling.services.holding import check_assigned, release, renew_lease, save_draft, skip_assignment
from labeling.services.imports import ImportReport, import_records
from labeling.services.item_count import count_items
from labeling.services.item_making import begin_making, cancel_making, carry_on_making, carry_on_makings
from labeling.services.items import ItemRules, change_overlap, make_item, make_items
from labeling.services.judging import submit_and_offer, submit_comparison, submit_judgement
from labeling.services.learnable import axis_is_judged, count_preferences, count_ratings, ratings_differ
from labeling.services.lease import Offer, lease_next, offer_next
from labeling.services.loading import load_assignment
from labeling.services.new_judgements import count_new_judgements, judged_at_least
from labeling.services.open_items import write_open_items
from labeling.services.own_reports import mark_reports_read, own_reports_told
from labeling.services.priorities import PrioritiesWritten, write_priorities
from labeling.services.projects import (
    archive_project,
    create_project,
    pause_project,
    resume_project,
    update_project,
)
from labeling.services.prompts import create_prompt
from labeling.services.queue import fold_reopened, restart_queue
from labeling.services.reports import report_item, resolve_report
from labeling.services.responses import store_response
from labeling.services.reviewing import imported_verdicts, judgements_of_items, latest_judgements, name_responses
from labeling.services.snapshot_files import open_snapshot_file
from labeling.services.snapshot_pruning import delete_left_behind, prune_snapshots
from labeling.services.snapshots import freeze_snapshot, new_judgements_since_snapshot
from labeling.services.undoing import undo_last
from labeling.services.warnings import ProjectWarning, change_warnings, has_items, project_warnings

__all__ = [
    "AgreementFigures",
    "ImportReport",
    "ItemRules",
    "Offer",
    "Order",
    "PairAgreement",
    "PrioritiesWritten",
    "ProjectFigures",
    "ProjectWarning",
    "act_on_items",
    "archive_project",
    "axis_is_judged",
    "begin_making",
    "cancel_making",
    "ask_second_opinion",
    "carry_on",
    "carry_on_making",
    "carry_on_makings",
    "carry_on_unfinished",
    "change_overlap",
    "change_warnings",
    "check_assigned",
    "compute_competence",
    "count_items",
    "delete_left_behind",
    "count_new_judgements",
    "count_preferences",
    "count_ratings",
    "create_project",
    "create_prompt",
    "expire_leases",
    "fold_reopened",
    "freeze_snapshot",
    "has_items",
    "import_records",
    "imported_verdicts",
    "judged_at_least",
    "judgements_of_items",
    "latest_judgements",
    "mark_reports_read",
    "name_responses",
    "open_snapshot_file",
    "own_reports_told",
    "project_warnings",
    "iter_export",
    "lease_next",
    "load_assignment",
    "make_item",
    "make_items",
    "measure_agreement",
    "offer_next",
    "new_judgements_since_snapshot",
    "pause_annotator",
    "pause_project",
    "profile_of",
    "prune_snapshots",
    "ratings_differ",
    "project_figures",
    "release",
    "renew_lease",
    "report_item",
    "request_competence",
    "resolve_report",
    "restart_queue",
    "resume_project",
    "save_draft",
    "set_preferences",
    "set_tags",
    "skip_assignment",
    "store_annotator_weights",
    "store_contradictions",
    "store_response",
    "submit_and_offer",
    "submit_comparison",
    "submit_judgement",
    "sweep_competence",
    "undo_action",
    "undo_last",
    "update_project",
    "write_open_items",
    "write_priorities",
]
