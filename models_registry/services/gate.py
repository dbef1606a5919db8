"""The Gate's verdict on a version, stored with its evidence."""

from operator import attrgetter
from typing import Any

from models_registry.gate_rule import judge_terms
from models_registry.models import GateVerdict, ModelVersion


def judge_gate(*, version: ModelVersion) -> GateVerdict:
    """Look at the newest evaluation of each metric, and store the verdict. What cannot be evaluated is closed."""
    return _store(version, gate_terms(version))


def standing_verdict(version: ModelVersion) -> GateVerdict:
    """The last verdict if it stands on the newest evidence, else a new one."""
    terms = gate_terms(version)
    verdict = GateVerdict.objects.filter(version=version).first()
    return verdict if verdict and verdict.terms == terms else _store(version, terms)


def gate_terms(version: ModelVersion) -> list[dict[str, Any]]:
    """What the Gate would say now, term by term; nothing is stored."""
    # Of each metric the newest: later rows overwrite earlier ones.
    newest = {evaluation.metric: evaluation for evaluation in sorted(version.evaluations.all(), key=attrgetter("pk"))}
    return judge_terms(newest, compared_with=version.parent_id or version.base_id)


def _store(version: ModelVersion, terms: list[dict[str, Any]]) -> GateVerdict:
    return GateVerdict.objects.create(version=version, is_open=all(term["holds"] for term in terms), terms=terms)
