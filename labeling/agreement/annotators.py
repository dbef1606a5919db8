# ruff: noqa: N815 - shapes stand in the names
"""What can be said of each annotator from nothing but everybody's labels: two measures, each with a 95 % interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from labeling.agreement.bootstrap import Floats
from labeling.agreement.competence import Knowing, knowing
from labeling.agreement.dawid_skene import Ints, dawid_skene

# A label more in each row of each matrix: with a handful of labels the published method fits noise.
_SMOOTHING, _UNTIL, _UNTIL_DRAWN = 1.0, 1e-4, 1e-2
# Strides of EM at most, for all items and for a draw of them: a million labels are done in minutes.
_STRIDES, _STRIDES_DRAWN, _DRAWS = 100, 3, 20
_IN_95_PERCENT = 1.96


@dataclass(frozen=True)
class AnnotatorFigures:
    """One entry an annotator who shared an item with another, in the order of `annotators_A`."""

    annotators_A: Ints  # their numbers as they were given
    labels_A: Ints  # how many of their labels are of items that others labelled too
    items: int  # how many these are, of all annotators
    knows: Knowing  # the share of labels that were known and not guessed (MACE)
    right_A: Floats  # Dawid and Skene: 1 always right, 0 as often as a guess, below 0 less often
    right_low_A: Floats
    right_high_A: Floats


def measure_annotators(
    items_V: Ints, annotators_V: Ints, labels_V: Ints, *, between: Callable[[], None] = lambda: None
) -> AnnotatorFigures | None:
    """Figures of everybody who labelled what somebody else labelled too; None when nobody did.

    Args:
        items_V, annotators_V, labels_V: any numbers; at most one label an item and annotator.
        between: called between the steps, of which none takes longer than a minute for a million labels.
    """
    _, row_V, size_N = np.unique(items_V, return_inverse=True, return_counts=True)
    shared_V = size_N[row_V] > 1
    if not shared_V.any():
        return None
    people_A, who_V = np.unique(annotators_V[shared_V], return_inverse=True)
    items, what_V = np.unique(row_V[shared_V], return_inverse=True)
    # A label that nobody gave is nothing that a guess could hit.
    occurring, labels_V = np.unique(labels_V[shared_V], return_inverse=True)
    n_labels = max(2, len(occurring))
    knows = knowing(what_V, who_V, labels_V, n_labels)
    between()
    found = dawid_skene(what_V, who_V, labels_V, n_labels, smoothing=_SMOOTHING, until=_UNTIL, strides=_STRIDES)
    assert found is not None  # there are labels
    # Whole items are drawn, each draw going on from where the fit to all of them ended.
    chance, drawn = np.random.default_rng(0), []
    for _ in range(_DRAWS):
        between()
        times_N = chance.multinomial(len(items), np.full(len(items), 1 / len(items))).astype(np.float64)
        again = dawid_skene(
            what_V, who_V, labels_V, n_labels, smoothing=_SMOOTHING, until=_UNTIL_DRAWN,
            weights_V=times_N[what_V], start_N_K=found.posterior_N_K, strides=_STRIDES_DRAWN,
        )  # fmt: skip
        assert again is not None
        drawn.append(again.competence())
    right_A, off_A = found.competence(), _IN_95_PERCENT * np.std(drawn, axis=0, ddof=1)
    least = -1 / (n_labels - 1)
    return AnnotatorFigures(
        people_A, found.labels_A, len(items), knows, right_A,
        np.maximum(right_A - off_A, least), np.minimum(right_A + off_A, 1.0),
    )  # fmt: skip
