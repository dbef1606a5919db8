"""How long a judgement takes to arrive: in a snapshot, in a reward model, in a policy, before users."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.utils.timezone import now

from accounts.lazy_module import lazy_module
from labeling.models import Project
from labeling.services.vote_rows import read_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
else:
    np = lazy_module("numpy")

STAGES = {
    "snapshot": "in a snapshot",
    "reward_model": "in a reward model",
    "policy": "in a trained policy",
    "serving": "serving users",
}
PERCENTILES = (50, 90, 99)

# Whatever learnt from a snapshot has learnt from all judgements up to the snapshot's newest.
_ARRIVALS = """
SELECT 'snapshot', s.last_judgement_id, extract(epoch FROM s.created_at)::float8
FROM labeling_snapshot s WHERE s.project_id = %(project)s
UNION ALL
SELECT v.kind, s.last_judgement_id, extract(epoch FROM v.created_at)::float8
FROM models_registry_modelversion v JOIN labeling_snapshot s ON s.id = v.snapshot_id
WHERE v.project_id = %(project)s AND s.project_id = %(project)s AND v.kind IN ('reward_model', 'policy')
UNION ALL
SELECT 'serving', s.last_judgement_id, extract(epoch FROM p.created_at)::float8
FROM models_registry_promotion p JOIN models_registry_modelversion v ON v.id = p.version_id
JOIN labeling_snapshot s ON s.id = v.snapshot_id
WHERE v.project_id = %(project)s AND s.project_id = %(project)s AND v.kind = 'policy'
  AND p.to_stage IN ('canary', 'production')
"""
_JUDGED = """
SELECT id, extract(epoch FROM created_at)::float8 FROM labeling_judgement
WHERE project_id = %(project)s AND retracted_at IS NULL AND NOT is_surplus
"""


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Of one stage. `seconds` by percentile; None: not even that share is known to have arrived."""

    stage: str
    arrived: int
    waiting: int
    seconds: dict[int, float | None]

    @property
    def word(self) -> str:
        return STAGES[self.stage]


@dataclass(frozen=True, slots=True)
class TimeToModel:
    judgements: int
    stages: list[StageTimes]


def time_to_model(project: Project) -> TimeToModel:
    """From each counted judgement to its arrival in each stage: two queries, the arithmetic in arrays."""
    with connection.cursor() as cursor:
        cursor.execute(_ARRIVALS, {"project": project.pk})
        arrivals: dict[str, list[tuple[int, float]]] = {stage: [] for stage in STAGES}
        for stage, last_judgement_id, moment in cursor.fetchall():
            arrivals[stage].append((last_judgement_id, moment))
    rows = read_rows(_JUDGED, {"project": project.pk}, {"id": ">i8", "judged_at": ">f8"})
    ids, judged_at = rows["id"].astype(np.int64), rows["judged_at"].astype(np.float64)
    moment = now().timestamp()
    stages = [_stage(stage, arrivals[stage], ids, judged_at, moment) for stage in STAGES]
    return TimeToModel(len(ids), stages)


def _stage(
    stage: str, arrivals: list[tuple[int, float]], ids: "NDArray[np.int64]", judged_at: "Floats", moment: float
) -> StageTimes:
    arrivals = sorted(arrivals)
    up_to = np.array([cut for cut, _ in arrivals], dtype=np.int64)
    # A later snapshot may have been learnt from sooner: the earliest of those that hold the judgement.
    earliest = np.minimum.accumulate(np.array([at for _, at in arrivals], dtype=np.float64)[::-1])[::-1]
    place = np.searchsorted(up_to, ids)
    has_arrived = place < len(arrivals)
    until = np.full(len(ids), moment)
    until[has_arrived] = earliest[place[has_arrived]]
    seconds = np.maximum(until - judged_at, 0.0)
    arrived = int(has_arrived.sum())
    return StageTimes(stage, arrived, len(ids) - arrived, percentiles_of(seconds, has_arrived))


def percentiles_of(seconds_N: "Floats", arrived_N: "NDArray[np.bool_]") -> dict[int, float | None]:
    """Percentiles of times of which some are still running: Kaplan and Meier's estimate (1958).

    What has not arrived counts as having waited at least so long. Leaving it out would make the slowest look fast,
    calling it infinite would make a project look slow whenever somebody has judged a moment ago.

    Args:
        seconds_N: until it arrived, or until now.
    """
    if not arrived_N.any():
        return dict.fromkeys(PERCENTILES)
    # Milliseconds with the flag in the last bit: one quick sort for both, and at one moment arrivals go first.
    sorted_N = np.sort(((seconds_N * 1000).astype(np.int64) << 1) | ~arrived_N)
    at_risk = np.arange(len(sorted_N), 0, -1)
    still_waiting = np.cumprod(1 - (sorted_N & 1 == 0) / at_risk)
    found: dict[int, float | None] = {}
    for percentile in PERCENTILES:
        place = int(np.searchsorted(-still_waiting, -(1 - percentile / 100) - 1e-9))
        found[percentile] = float(sorted_N[place] >> 1) / 1000 if place < len(sorted_N) else None
    return found
