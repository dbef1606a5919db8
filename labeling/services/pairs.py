"""Judgements of every kind, read as pairs: what a reward model learns from."""

from labeling.kinds import all_kinds


def pairs_sql() -> str:
    """A SELECT of `judgement_id, item_id, annotator_id, response_a_id, response_b_id, choice, strength, axes, flags`
    and the `kind`.

    Of the counted judgements of the project %(project)s. A ranking gives a row for every two of its answers, a
    correction that changed something gives (edited over original), a rating none.
    """
    parts = {name: kind.pairs for name, kind in all_kinds().items() if kind.pairs}
    return " UNION ALL ".join(f"(SELECT pair.*, '{name}' AS kind FROM ({part}) pair)" for name, part in parts.items())  # noqa: S608


def frozen_sql() -> str:
    """A SELECT of what the kinds freeze beside pairs (`Kind.frozen` says which columns) and the `kind`."""
    parts = {name: kind.frozen for name, kind in all_kinds().items() if kind.frozen}
    return " UNION ALL ".join(f"(SELECT own.*, '{name}' AS kind FROM ({part}) own)" for name, part in parts.items())  # noqa: S608


def kinds_that_train() -> list[str]:
    """The names of the kinds that a snapshot holds."""
    return [name for name, kind in all_kinds().items() if kind.pairs or kind.frozen]


def kinds_with_own_rows() -> list[str]:
    """The names of the kinds whose judgements have a file of their own in a snapshot."""
    return [name for name, kind in all_kinds().items() if kind.frozen]
