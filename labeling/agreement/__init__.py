"""How far annotators agree: arithmetic over arrays, without Django.

Labels are whole numbers from 0; `counts_NK[u, k]` says how many annotators gave item u the label k, so that missing
values are simply not counted.
"""

from labeling.agreement.alpha import interval_alpha, krippendorff_alpha
from labeling.agreement.annotators import AnnotatorFigures, measure_annotators
from labeling.agreement.figures import Figure
from labeling.agreement.kappa import cohen_kappa, fleiss_kappa
from labeling.agreement.percent import percent_agreement
from labeling.agreement.tables import count_labels, pair_tables

__all__ = [
    "AnnotatorFigures",
    "Figure",
    "cohen_kappa",
    "count_labels",
    "fleiss_kappa",
    "interval_alpha",
    "krippendorff_alpha",
    "measure_annotators",
    "pair_tables",
    "percent_agreement",
]
