"""An assignment with what every judgement needs of it, each time in one query."""

from functools import cache

from django.http import Http404

from accounts.joined_rows import JoinedRows
from accounts.models import Membership
from labeling.models import Assignment, Item, Project, Prompt

_FROM = "FROM labeling_assignment a JOIN labeling_item i ON i.id = a.item_id"
_PROJECT = "JOIN labeling_project pr ON pr.id = a.project_id"
_PROMPT = "JOIN labeling_prompt p ON p.id = i.prompt_id"
_MINE = "WHERE a.id = %(assignment)s AND pr.organisation_id = %(organisation)s"
_TEXTS = """ARRAY(SELECT r.text FROM labeling_itemresponse ir JOIN labeling_response r ON r.id = ir.response_id
                  WHERE ir.item_id = i.id ORDER BY ir.position)"""


@cache
def _to_judge() -> JoinedRows:
    return JoinedRows({"a": Assignment, "i": Item, "pr": Project}, f"{_FROM} {_PROJECT} {_MINE}")


@cache
def _to_show() -> JoinedRows:
    tables = {"a": Assignment, "i": Item, "p": Prompt, "pr": Project}
    return JoinedRows(tables, f"{_FROM} {_PROMPT} {_PROJECT} {_MINE}", more=[_TEXTS])


@cache
def _to_show_in_project() -> JoinedRows:
    tables = {"a": Assignment, "i": Item, "p": Prompt}
    return JoinedRows(tables, f"{_FROM} {_PROMPT} WHERE a.id = %(assignment)s", more=[_TEXTS])


def load_assignment(assignment_id: int, *, by: Membership) -> Assignment:
    """The assignment with its project and item, if it is of the member's organisation; whose it is, the services ask.

    Raises:
        Http404: there is none.
    """
    found = _to_judge().first(_values(assignment_id, by)) if assignment_id < 2**63 else None
    if found is None:
        raise Http404("There is no such assignment.")
    return _joined(*found)


def load_to_show(assignment_id: int, *, by: Membership, project: Project | None = None) -> Assignment:
    """The same with all that its card shows; it was leased to the member just now.

    Args:
        project: the assignment's, where it has just been read.
    """
    rows = _to_show() if project is None else _to_show_in_project()
    found = rows.first(_values(assignment_id, by))
    assert found is not None, "it is there"
    assignment, item, prompt, *_ = found
    item.prompt, item.texts = prompt, found[-1]  # texts: of its responses, in the item's own order
    return _joined(assignment, item, found[3] if project is None else project)


def _joined(assignment: Assignment, item: Item, project: Project) -> Assignment:
    assignment.project = item.project = project
    assignment.item = item
    return assignment


def _values(assignment_id: int, by: Membership) -> dict[str, int]:
    return {"assignment": assignment_id, "organisation": by.organisation_id}
