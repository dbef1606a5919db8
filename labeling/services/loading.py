"""An assignment with all that its card shows, in one query: what every judgement needs twice."""

from functools import cache

from django.http import Http404

from accounts.joined_rows import JoinedRows
from accounts.models import Membership
from labeling.models import Assignment, Item, Project, Prompt

_REST = """
FROM labeling_assignment a
JOIN labeling_project pr ON pr.id = a.project_id
JOIN labeling_item i ON i.id = a.item_id
JOIN labeling_prompt p ON p.id = i.prompt_id
WHERE a.id = %(assignment)s AND pr.organisation_id = %(organisation)s
"""
_TEXTS = """ARRAY(SELECT r.text FROM labeling_itemresponse ir JOIN labeling_response r ON r.id = ir.response_id
                  WHERE ir.item_id = i.id ORDER BY ir.position)"""


@cache
def _rows() -> JoinedRows:
    return JoinedRows({"a": Assignment, "pr": Project, "i": Item, "p": Prompt}, _REST, more=[_TEXTS])


def find_assignment(assignment_id: int, *, by: Membership) -> Assignment | None:
    """The assignment, if it is of the member's organisation; whose it is within that, the services ask."""
    found = _rows().first({"assignment": assignment_id, "organisation": by.organisation_id})
    if found is None:
        return None
    assignment, project, item, prompt, texts = found
    item.texts = texts  # of its responses, in the item's own order
    item.prompt, item.project = prompt, project
    assignment.item, assignment.project = item, project
    loaded: Assignment = assignment
    return loaded


def load_assignment(assignment_id: int, *, by: Membership) -> Assignment:
    """The same, for views: Http404 when there is none."""
    found = find_assignment(assignment_id, by=by) if assignment_id < 2**63 else None
    if found is None:
        raise Http404("There is no such assignment.")
    return found
