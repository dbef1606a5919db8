"""Agreement on what a project asks besides which of two answers is better: axes, orders, scores."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from accounts.lazy_module import lazy_module
from labeling.kinds import NAMES
from labeling.kinds.design import design_of
from labeling.kinds.votes import Question
from labeling.models import Project
from labeling.services.vote_rows import read_rows

if TYPE_CHECKING:
    import numpy as np

    from labeling import agreement
else:
    np = lazy_module("numpy")
    agreement = lazy_module("labeling.agreement")


@dataclass(frozen=True, slots=True)
class QuestionAgreement:
    """One question. None stands for what is not defined, as in AgreementFigures."""

    kind: str
    name: str
    word: str
    level: str  # of alpha: nominal, ordinal, interval
    items_with_two: int
    percent_agreement: "agreement.Figure | None"  # None for numbers as well: nearly the same is not the same
    alpha: "agreement.Figure | None"


def measure_questions(project: Project) -> list[QuestionAgreement]:
    """Those of the project's questions that somebody answered, in the order in which they are asked."""
    design = design_of(project)
    found = []
    for kind in sorted(NAMES, key=lambda name: name != design.kind):
        if find_spec(f"labeling.kinds.{kind}.agreement"):
            asked = import_module(f"labeling.kinds.{kind}.agreement").questions(design.kinds[kind])
            found += [figures for question in asked if (figures := _measure(project, kind, question))]
    return found


def _measure(project: Project, kind: str, question: Question) -> QuestionAgreement | None:
    parameters = {"project": project.pk, **question.parameters}
    rows = read_rows(question.votes, parameters, {"part": ">i8", "item": ">i8", "label": ">f8"})
    if not len(rows):
        return None
    parts_V, items_V = rows["part"].astype(np.int64), rows["item"].astype(np.int64)
    labels_V = rows["label"].astype(np.float64)
    parts_N, first_N, votes_N = np.unique(parts_V, return_index=True, return_counts=True)
    items_N = items_V[first_N]
    with_two = len(np.unique(items_N[votes_N >= 2]))
    percent, alpha = None, None
    if question.level == "interval":
        alpha = agreement.interval_alpha(parts_V, labels_V)
    else:
        counts_NK = agreement.count_labels(parts_V, labels_V.astype(np.int64), question.labels)
        # Parts of one item hang together: then items are resampled, not parts.
        wholes_N = items_N if len(np.unique(items_N)) < len(parts_N) else None
        percent = agreement.percent_agreement(counts_NK, wholes_N)
        alpha = agreement.krippendorff_alpha(counts_NK, question.level, wholes_N)
    return QuestionAgreement(kind, question.name, question.word, question.level, with_two, percent, alpha)
