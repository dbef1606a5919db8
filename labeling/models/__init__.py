"""labeling's tables. Those of the judgements lie with their kinds."""

from importlib import import_module

from labeling import kinds
from labeling.models.annotator_profile import AnnotatorProfile
from labeling.models.annotator_weight import AnnotatorWeight
from labeling.models.assignment import Assignment
from labeling.models.bulk_action import BulkAction, BulkChange
from labeling.models.competence import AnnotatorCompetence, CompetenceReport
from labeling.models.contradiction import Contradiction
from labeling.models.file_import import FileImport
from labeling.models.imported_verdict import ImportedVerdict
from labeling.models.item import ACTIVE_POLICIES, Item, ItemKind, ItemResponse, SelectionPolicy
from labeling.models.item_making import ItemMaking
from labeling.models.project import Project, StrengthForm
from labeling.models.prompt import Prompt
from labeling.models.queue_cursor import QueueCursor
from labeling.models.report import Report
from labeling.models.response import Response, ResponseOrigin
from labeling.models.snapshot import Snapshot

# Behind the tables that they refer to.
for _name in kinds.NAMES:
    import_module(f"labeling.kinds.{_name}.model")
from labeling.kinds.comparison.model import Choice, Comparison  # noqa: E402  # isort: skip
from labeling.kinds.correction.model import Correction  # noqa: E402  # isort: skip
from labeling.kinds.ranking.model import Ranking  # noqa: E402  # isort: skip
from labeling.kinds.rating.model import Rating  # noqa: E402  # isort: skip
from labeling.models.judgement import Judgement  # noqa: E402  # isort: skip

__all__ = [
    "ACTIVE_POLICIES",
    "AnnotatorCompetence",
    "AnnotatorProfile",
    "AnnotatorWeight",
    "Assignment",
    "BulkAction",
    "BulkChange",
    "Choice",
    "Comparison",
    "CompetenceReport",
    "Contradiction",
    "Correction",
    "FileImport",
    "ImportedVerdict",
    "Item",
    "ItemKind",
    "ItemMaking",
    "ItemResponse",
    "Judgement",
    "Project",
    "Prompt",
    "QueueCursor",
    "Ranking",
    "Rating",
    "Report",
    "Response",
    "ResponseOrigin",
    "SelectionPolicy",
    "Snapshot",
    "StrengthForm",
]
