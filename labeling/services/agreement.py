"""Agreement on a project's items, from the counted judgements as they are now."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.lazy_module import lazy_module
from labeling.chosen_by import DRAWN_AT_RANDOM
from labeling.models import Project
from labeling.services.question_agreement import QuestionAgreement, measure_questions
from labeling.services.vote_rows import read_rows

if TYPE_CHECKING:
    import numpy as np

    from labeling import agreement
else:
    np = lazy_module("numpy")
    agreement = lazy_module("labeling.agreement")

N_LABELS = 5  # the item's first response is better, its second, about equal, both bad, both good
MAX_PAIRS = 200

# The sides are undone: a label names the item's response, wherever the person saw it.
VOTES = f"""
SELECT c.item_id::bigint, c.annotator_id::bigint,
             CASE c.choice WHEN 'tie' THEN 2 WHEN 'both_bad' THEN 3 WHEN 'both_good' THEN 4
                  ELSE ((c.choice = 'a') <> (c.response_a_id = first.response_id))::int END::smallint
      FROM labeling_comparison c
      JOIN labeling_item i ON i.id = c.item_id AND {DRAWN_AT_RANDOM}
      JOIN labeling_itemresponse first ON first.item_id = c.item_id AND first.position = 0
      WHERE c.project_id = %(project)s AND c.retracted_at IS NULL AND NOT c.is_surplus
"""  # noqa: S608 - put together from this house's own text alone


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two annotators (ids of users) on the items that both judged."""

    first_id: int
    second_id: int
    percent: float
    kappa: "agreement.Figure | None"

    @property
    def annotators(self) -> list[int]:
        """Both ids, as the API shows them."""
        return [self.first_id, self.second_id]


@dataclass(frozen=True, slots=True)
class AgreementFigures:
    """Of the verdicts of comparisons, but for `questions`.

    None stands for what is not defined: no item with two judgements, or no variation at all.
    """

    judgements: int
    annotators: int
    items_with_two: int
    percent_agreement: "agreement.Figure | None"
    alpha: "agreement.Figure | None"
    fleiss_kappa: "agreement.Figure | None"
    # At most MAX_PAIRS, those with the most items in common first.
    pairs: list[PairAgreement]
    pair_count: int
    # What else is asked: the axes of comparisons, orders, scores.
    questions: list[QuestionAgreement]


def measure_agreement(project: Project) -> AgreementFigures:
    """How far the project's annotators agree, on items that were drawn at random: DRAWN_AT_RANDOM says which not."""
    of_project = {"project": project.pk}
    votes = read_rows(VOTES, of_project, {"item": ">i8", "annotator": ">i8", "label": ">i2"})
    items_V = votes["item"].astype(np.int64)
    annotators_V = votes["annotator"].astype(np.int64)
    labels_V = votes["label"].astype(np.int64)
    counts_NK = agreement.count_labels(items_V, labels_V, N_LABELS)
    people, tables = agreement.pair_tables(items_V, annotators_V, labels_V, N_LABELS)
    sizes = tables.sum(axis=(1, 2))
    largest = np.argsort(-sizes, kind="stable")[:MAX_PAIRS]
    return AgreementFigures(
        judgements=len(votes),
        annotators=len(np.unique(annotators_V)),
        items_with_two=int((counts_NK.sum(axis=1) >= 2).sum()),
        percent_agreement=agreement.percent_agreement(counts_NK),
        alpha=agreement.krippendorff_alpha(counts_NK),
        fleiss_kappa=agreement.fleiss_kappa(counts_NK),
        pairs=[
            PairAgreement(
                first_id=int(people[i, 0]),
                second_id=int(people[i, 1]),
                percent=float(np.trace(tables[i]) / sizes[i]),
                kappa=agreement.cohen_kappa(tables[i]),
            )
            for i in largest
        ],
        pair_count=len(tables),
        questions=measure_questions(project),
    )
