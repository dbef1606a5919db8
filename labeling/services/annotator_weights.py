"""What the newest reward model makes of each annotator: kept with names for managers, as it is told with pseudonyms."""

from typing import Any

from django.db import transaction
from django.utils.timezone import now

from labeling.errors import BadRecipeFile
from labeling.models import AnnotatorWeight, Project
from labeling.services.priority_file import is_number
from labeling.services.pseudonyms import pseudonyms_of

_SHARES = ("no_better_than_chance", "agreement", "expected_agreement")


@transaction.atomic
def store_annotator_weights(*, project: Project, rows: Any, last_judgement_id: int) -> int | None:
    """Replace the project's, unless they are of a reward model that knows more; how many are kept, or None then.

    Args:
        rows: `{"annotator", "weight", "no_better_than_chance", "votes", "agreement", "expected_agreement"}`, by
            pseudonym; one that is nobody's here is passed over. Empty where nobody was weighed.
        last_judgement_id: the newest judgement that the reward model learnt from.

    Raises:
        BadRecipeFile: a row is not as agreed; nothing was changed.
    """
    if not isinstance(rows, list) or not all(map(_is_right, rows)):
        raise BadRecipeFile("The recipe's result.json does not say what each annotator weighs. Nothing was changed.")
    # Two runs that end at once, one after the other.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    kept = AnnotatorWeight.objects.filter(project=project)
    if kept.filter(last_judgement_id__gt=last_judgement_id).exists():
        return None
    kept.delete()
    users, names = pseudonyms_of(project)
    known = dict(zip(names, users, strict=True))
    # Pages begin with the highest id: who is heard least.
    told = {row["annotator"]: row for row in rows if row["annotator"] in known}
    order = sorted(told.values(), key=lambda row: (-row["weight"], row["no_better_than_chance"], row["votes"]))
    AnnotatorWeight.objects.bulk_create(
        AnnotatorWeight(
            project=project, annotator_id=known[row["annotator"]], weighed_at=now(),
            last_judgement_id=last_judgement_id, **{name: row[name] for name in ("weight", "votes", *_SHARES)},
        )
        for row in order
    )  # fmt: skip
    return len(order)


def _is_right(row: Any) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("annotator"), str):
        return False
    votes: Any = row.get("votes")
    weight: Any = row.get("weight")
    if not isinstance(votes, int) or isinstance(votes, bool) or votes < 0:
        return False
    if not is_number(weight) or not 0 < weight <= 1 or not _is_share(row.get("no_better_than_chance")):
        return False
    agreed = [row.get(name) for name in ("agreement", "expected_agreement")]
    return all(map(_is_share, agreed)) if votes else agreed == [None, None]


def _is_share(value: Any) -> bool:
    return bool(is_number(value) and 0 <= value <= 1)
