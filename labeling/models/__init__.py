from labeling.models.assignment import Assignment
from labeling.models.comparison import Choice, Comparison
from labeling.models.item import Item, ItemKind, ItemResponse, SelectionPolicy
from labeling.models.project import Project
from labeling.models.prompt import Prompt
from labeling.models.queue_cursor import QueueCursor
from labeling.models.response import Response, ResponseOrigin
from labeling.models.snapshot import Snapshot

__all__ = [
    "Assignment",
    "Choice",
    "Comparison",
    "Item",
    "ItemKind",
    "ItemResponse",
    "Project",
    "Prompt",
    "QueueCursor",
    "Response",
    "ResponseOrigin",
    "SelectionPolicy",
    "Snapshot",
]
