"""What comes back, as frozen dataclasses. What a newer server says besides is in `more`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from accord.errors import AccordError


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


@dataclass(frozen=True, kw_only=True)
class Record:
    """Read from the server's JSON by its field names."""

    more: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    _readers: ClassVar[dict[str, Callable[[Any], Any]]] = {}

    @classmethod
    def read(cls, given: Any) -> Self:
        """Raises: AccordError, code "nonsense": it is not what this server should answer."""
        known = {each.name for each in fields(cls)} - {"more"}
        try:
            values = {name: cls._readers.get(name, _as_it_is)(given[name]) for name in known & given.keys()}
            more = {name: value for name, value in given.items() if name not in known}
            return cls(**values, more=more)
        except (TypeError, ValueError, AttributeError) as problem:
            raise AccordError(f"This is no {cls.__name__} of Accord's: {problem}", code="nonsense") from problem


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, kw_only=True)
class Project(Record):
    id: int
    name: str
    slug: str
    purpose: str = ""
    guidelines: str = ""
    overlap: int = 1
    lease_minutes: int = 15
    held_out_percent: int = 20
    selection_policy: str = "random"
    retrain_after: int | None = None
    refit_after: int | None = None
    train_body_after: int = 1000
    axis_weights: Mapping[str, float] = field(default_factory=dict)
    strength: str = "scaled"
    weigh_annotators: bool = True
    remove_length: bool = False
    random_share: float = 0.15
    paused_at: datetime | None = None
    archived_at: datetime | None = None
    created_at: datetime | None = None
    # Counts, where one project was asked for.
    figures: Mapping[str, Any] = field(default_factory=dict)

    _readers = {"paused_at": _moment, "archived_at": _moment, "created_at": _moment}


@dataclass(frozen=True, kw_only=True)
class ImportReport(Record):
    """What became of the lines of an import; `rejected` lists the first of them, with line and reason."""

    created: int
    duplicates: int
    items_made: int
    rejected_count: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Message(Record):
    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class ShownResponse(Record):
    """An answer under the label by which a judgement names it. Who wrote it is not told."""

    label: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Assignment(Record):
    """An item that is yours to judge until `expires_at`."""

    id: int
    project: int
    item: int
    kind: str
    state: str
    prompt: list[Message]
    responses: list[ShownResponse]
    leased_at: datetime
    expires_at: datetime
    # What the project wants to know: axes, scales, whether a reason is needed.
    ask: Mapping[str, Any] = field(default_factory=dict)
    draft: Mapping[str, Any] = field(default_factory=dict)

    _readers = {
        "prompt": lambda rows: [Message.read(row) for row in rows],
        "responses": lambda rows: [ShownResponse.read(row) for row in rows],
        "leased_at": _moment,
        "expires_at": _moment,
    }

    @property
    def lease_seconds(self) -> float:
        return (self.expires_at - self.leased_at).total_seconds()


@dataclass(frozen=True, kw_only=True)
class Judgement(Record):
    """A stored judgement; what was said, as the kind stores it, is in `more`."""

    id: int
    assignment: int
    client_id: UUID
    # It came after the lease, when others had judged the item: kept, and not counted.
    is_surplus: bool
    created_at: datetime

    _readers = {"client_id": UUID, "created_at": _moment}


@dataclass(frozen=True, kw_only=True)
class Snapshot(Record):
    id: int
    project: int
    content_hash: str
    judgement_count: int
    manifest: Mapping[str, Any]
    created_at: datetime

    _readers = {"created_at": _moment}


@dataclass(frozen=True, kw_only=True)
class Run(Record):
    id: int
    project: int
    recipe: str
    status: str
    step: int = 0
    total: int = 0
    stage: str = ""
    seconds: float = 0.0
    error: str = ""
    snapshot: int | None = None
    parent: int | None = None
    after: int | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    _readers = {"created_at": _moment, "started_at": _moment, "finished_at": _moment}

    @property
    def is_finished(self) -> bool:
        return self.status in ("succeeded", "failed", "cancelled")

    @property
    def succeeded(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True, kw_only=True)
class Scores(Record):
    """What a reward model said, in the order in which it was asked.

    pairs: `{"response_a": {"mean", "sd", "cut"}, "response_b", "difference", "difference_sd", "probability_a",
    "prompt_cut"}`; lists: `{"responses": [{"mean", "sd", "cut", "share"}], "prompt_cut"}`, the share of votes expected
    against the list's others. What is cut is longer than what the model reads.
    """

    id: int
    version: int
    pairs: list[dict[str, Any]] = field(default_factory=list)
    lists: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Version(Record):
    id: int
    project: int
    number: int
    name: str
    kind: str
    stage: str
    method: str = ""  # of a reward model: features (the fast path), lora or full
    canary_share: float | None = None
    parent: int | None = None
    base: int | None = None
    snapshot: int | None = None
    run: int | None = None
    artifact_hash: str = ""
    figures: Mapping[str, Any] = field(default_factory=dict)
    # Where one version was asked for.
    gate: Mapping[str, Any] = field(default_factory=dict)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    created_at: datetime | None = None

    _readers = {"created_at": _moment}


@dataclass(frozen=True, kw_only=True)
class Promotion(Record):
    id: int
    version: int
    from_stage: str
    to_stage: str
    reason: str
    canary_share: float | None = None
    created_at: datetime | None = None

    _readers = {"created_at": _moment}
