"""A stored ranking in words, for whoever reviews."""

from collections.abc import Mapping
from typing import Any

from labeling.kinds.ranking.model import Ranking


def in_words(judgement: Ranking, *, names: Mapping[int, str], design: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The places from the best on; equal answers stand together."""
    places: dict[int, list[str]] = {}
    for pk, rank in zip(judgement.response_ids, judgement.ranks, strict=True):
        places.setdefault(rank, []).append(names.get(pk, f"response {pk}"))
    return [("Order", ", then ".join(" and ".join(sorted(places[rank])) for rank in sorted(places)))]
