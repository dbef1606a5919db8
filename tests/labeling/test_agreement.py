"""Coefficients against published figures. The tables here are facts from the named sources."""

import json

import numpy as np
import pytest

from labeling.agreement import (
    cohen_kappa,
    count_labels,
    fleiss_kappa,
    krippendorff_alpha,
    pair_tables,
    percent_agreement,
)
from labeling.agreement.kappa import cohen_kappa_and_error

# irrCAC (CRAN), data cac.raw4raters, which are Krippendorff's "C" data: 12 units, 4 observers, labels 1 to 5.
# irrCAC gives .74342 for nominal labels, the docstring of the package krippendorff .815 for ordinal ones.
KRIPPENDORFF_C = [
    [1, 1, None, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [None, 5, 5, 5], [None, None, 1, 1], [None, None, 3, None],
]  # fmt: skip
# The worked example of Wikipedia, "Fleiss' kappa": 10 subjects, 14 raters, 5 categories.
FLEISS = np.array(
    [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
     [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
)  # fmt: skip


def counts_of(rows):
    """Counts of raw rows (one an item, None where missing)."""
    labels = sorted({label for row in rows for label in row if label is not None})
    return np.array([[row.count(label) for label in labels] for row in rows])


def test_alpha_matches_two_packages_on_krippendorffs_data():
    counts = counts_of(KRIPPENDORFF_C)
    assert krippendorff_alpha(counts).value == pytest.approx(0.74342, abs=5e-6)
    assert krippendorff_alpha(counts, "ordinal").value == pytest.approx(0.815, abs=5e-4)
    assert krippendorff_alpha(counts).n == 11  # a unit with one value says nothing


def test_fleiss_kappa_matches_the_published_example():
    assert fleiss_kappa(FLEISS).value == pytest.approx(0.210, abs=5e-4)


def test_cohen_kappa_matches_the_published_example():
    # The diagnosis example of Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, chapter 18: .68.
    assert cohen_kappa(np.array([[75, 1, 4], [5, 4, 1], [0, 0, 10]])).value == pytest.approx(0.68, abs=5e-3)


def test_cohen_kappa_and_its_error_match_irrcac():
    # irrCAC (CRAN), data cont3x3abstractors: .7964094 with standard error .05891072, which divides by n - 1.
    kappa, error = cohen_kappa_and_error(np.array([[13, 0, 0], [0, 20, 7], [0, 4, 56]]))
    assert kappa == pytest.approx(0.7964094, abs=1e-7)
    assert error == pytest.approx(0.05891072, rel=0.01)


def test_a_coin_beside_a_coin_agrees_by_chance_alone():
    assert cohen_kappa(np.array([[25, 25], [25, 25]])).value == 0
    assert cohen_kappa(np.array([[0, 50], [50, 0]])).value == -1


def test_where_nothing_varies_nothing_is_claimed():
    assert cohen_kappa(np.array([[9, 0], [0, 0]])) is None
    assert cohen_kappa(np.zeros((2, 2), int)) is None
    same = np.array([[3, 0]] * 5)
    assert krippendorff_alpha(same) is None
    assert fleiss_kappa(same) is None
    assert percent_agreement(same).value == 1
    assert percent_agreement(np.array([[1, 0], [0, 1]])) is None
    assert percent_agreement(np.empty((0, 4), int)) is None


def test_intervals_hold_the_value_and_narrow_with_the_items():
    for measure in (percent_agreement, fleiss_kappa, krippendorff_alpha):
        few, many = measure(FLEISS), measure(np.tile(FLEISS, (50, 1)))
        assert few.low < few.value < few.high
        assert many.high - many.low < (few.high - few.low) / 4


def test_resampling_patterns_equals_resampling_items():
    draw = np.random.default_rng(7)
    counts = draw.multinomial(3, [0.6, 0.3, 0.1], size=400)
    values = []
    for _ in range(600):
        again = counts[draw.integers(0, 400, 400)]
        values.append(krippendorff_alpha(again).value)
    figure = krippendorff_alpha(counts)
    assert figure.low == pytest.approx(np.quantile(values, 0.025), abs=0.012)
    assert figure.high == pytest.approx(np.quantile(values, 0.975), abs=0.012)


def test_tables_of_votes_equal_a_naive_count():
    draw = np.random.default_rng(3)
    votes = [(u, a, int(draw.integers(4))) for u in range(60) for a in draw.choice(7, int(draw.integers(1, 5)), False)]
    draw.shuffle(votes)
    items, people, labels = (np.array(column, dtype=np.int64) for column in zip(*votes, strict=True))
    said = {(u, a): label for u, a, label in votes}
    who, tables = pair_tables(items, people, labels, 4)
    assert len(who) == len({(a, b) for u in range(60) for a in range(7) for b in range(a + 1, 7)
                            if (u, a) in said and (u, b) in said})  # fmt: skip
    for (a, b), table in zip(who, tables, strict=True):
        naive = np.zeros((4, 4), int)
        for u in range(60):
            if (u, a) in said and (u, b) in said:
                naive[said[u, a], said[u, b]] += 1
        assert (table == naive).all()
    counts = count_labels(items, labels, 4)
    assert counts.sum() == len(votes)
    assert (counts.sum(axis=1) == np.bincount(items)).all()


@pytest.fixture
def cases(reference_data):
    return {case["name"]: case for case in json.loads((reference_data / "reference_fixtures.json").read_text())}


def test_published_contingency_table(cases):
    case = next(case for case in cases.values() if case["kind"].startswith("contingency"))
    table = np.array(case["rows_rater1_cols_rater2"])
    kappa, error = cohen_kappa_and_error(table)
    assert kappa == pytest.approx(case["published"]["cohen_kappa"], abs=1e-6)
    assert error == pytest.approx(case["published"]["cohen_kappa_se"], abs=1e-3)
    labels = np.array([[i, j] for i in range(3) for j in range(3) for _ in range(table[i, j])])
    counts = np.stack([(labels == k).sum(axis=1) for k in range(3)], axis=1)
    assert krippendorff_alpha(counts).value == pytest.approx(case["published"]["krippendorff_alpha"], abs=1e-6)
    assert percent_agreement(counts).value == pytest.approx(case["published"]["percent_agreement"], abs=1e-6)


def test_published_units_with_missing_values(cases):
    case = next(case for name, case in cases.items() if "Krippendorff Wikipedia" in name)
    counts = counts_of([list(unit) for unit in zip(*case["ratings"], strict=True)])
    assert krippendorff_alpha(counts).value == pytest.approx(case["recomputed"]["nominal"], abs=1e-9)
    assert krippendorff_alpha(counts, "ordinal").value == pytest.approx(case["recomputed"]["ordinal"], abs=1e-9)


def test_psychiatric_diagnoses_as_statsmodels_computes_them(cases):
    case = next(case for name, case in cases.items() if "Fleiss 1971" in name)
    counts = counts_of(case["ratings"])
    assert fleiss_kappa(counts).value == pytest.approx(case["recomputed"]["fleiss_kappa_statsmodels"], abs=1e-9)
    assert krippendorff_alpha(counts).value == pytest.approx(case["recomputed"]["alpha_nominal"], abs=1e-9)
