"""By what an item came to be judged: what may be measured on it depends on that. One definition, in SQL, for agreement,
for the arms that are compared on a project's page, and for the rows of a snapshot.
"""

from collections.abc import Iterable

from labeling.models import ACTIVE_POLICIES
from labeling.models.item import BY_PEOPLE
from labeling.selection import policies

# By a policy that looks at no reward model: at nothing, or at the lengths of the answers. The random arm.
CHANCE = "chance"
# By a policy that looks at the reward model, or by one that is not installed any more. The active arm.
ACTIVE_POLICY = "active_policy"
# Judged once more because the reward model had contradicted.
CONTRADICTION = "contradiction"
# Users' feedback made it, a manager gave it its place, or the answer is somebody's correction.
PERSON = "person"


def _names(names: Iterable[str]) -> str:
    return "(" + ", ".join(f"'{name}'" for name in sorted(names)) + ")"


_PASSIVE, _PEOPLE = _names(policies().keys() - ACTIVE_POLICIES), _names(BY_PEOPLE)
# People agree less, or more, on what was chosen for what somebody or a reward model makes of it than on the others.
DRAWN_AT_RANDOM = f"i.policy IN {_PASSIVE} AND i.asked_again_at IS NULL"


def chosen_by(judgement_id: str, kind: str = "'comparison'") -> str:
    """SQL of one of the names above, for a judgement of the item `i`; the arguments are SQL too.

    An item that was judged by chance first and once more for a contradiction has a judgement of either sort.
    """
    return f"""CASE
        WHEN i.asked_again_at IS NOT NULL AND EXISTS (SELECT FROM labeling_judgement later
            WHERE later.id = {judgement_id} AND later.created_at > i.asked_again_at) THEN '{CONTRADICTION}'
        WHEN i.policy IN {_PEOPLE} OR {kind} = 'correction' THEN '{PERSON}'
        WHEN i.policy IN {_PASSIVE} THEN '{CHANCE}'
        ELSE '{ACTIVE_POLICY}' END"""  # noqa: S608 - names that were checked
