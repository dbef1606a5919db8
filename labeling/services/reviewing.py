"""Judgements as a reviewer reads them: who said what of which answer, in words, with what they flagged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any

from accounts.models import Membership
from accounts.permissions import Permission, check_can
from labeling.kinds import kind_of
from labeling.kinds.design import Design, design_of
from labeling.models import ImportedVerdict, Item, Judgement, Project, Prompt, Response

MAX_QUOTED = 300
# Of one prompt: more are seen item by item.
MAX_SHOWN = 300


@dataclass(frozen=True, slots=True)
class FlagSaid:
    word: str
    answer: str = ""  # "Response 2", when it is of one answer
    passage: str = ""  # what was marked in it


@dataclass(frozen=True, slots=True)
class JudgementSaid:
    """One judgement, told. `said` is (what was asked, what was said), the verdict as a whole first."""

    id: int
    item_id: int
    prompt: Prompt
    kind: str
    annotator: Any
    said: list[tuple[str, str]]
    reason: str
    flags: list[FlagSaid]
    active_ms: int | None
    created_at: datetime
    is_surplus: bool
    retracted_at: datetime | None
    # Where a text was changed: ("same" | "out" | "in", text) in order.
    changes: list[tuple[str, str]]

    @property
    def seconds(self) -> float | None:
        """Attention given to it."""
        return None if self.active_ms is None else self.active_ms / 1000

    @property
    def word(self) -> str:
        """The kind, as pages call it."""
        return kind_of(self.kind).word


def judgements_of_items(*, project: Project, by: Membership, items: Sequence[Item]) -> dict[int, list[JudgementSaid]]:
    """Of these items of the project, by item, oldest first: also those taken back, and those kept as extra.

    Raises:
        NotPermitted: the member may not review.
    """
    check_can(by, Permission.REVIEW)
    rows: list[Any] = []
    for kind in {item.kind for item in items}:
        of_kind = kind_of(kind).model._default_manager.filter(item__in=[item for item in items if item.kind == kind])
        rows += of_kind.select_related("annotator", "item__prompt").order_by("pk")[:MAX_SHOWN]
    found: dict[int, list[JudgementSaid]] = {item.pk: [] for item in items}
    for said in _tell(rows, design_of(project), {item.prompt_id for item in items}):
        found[said.item_id].append(said)
    return found


def latest_judgements(*, project: Project, by: Membership, before: int | None, size: int = 50) -> list[JudgementSaid]:
    """The project's newest ones with a lower id than `before`, newest first.

    Raises:
        NotPermitted: the member may not review.
    """
    check_can(by, Permission.REVIEW)
    wanted = Judgement.objects.filter(project=project).order_by("-pk")
    if before is not None:
        wanted = wanted.filter(pk__lt=before)
    by_kind: dict[str, list[int]] = {}
    for pk, kind in wanted.values_list("pk", "kind")[:size]:
        by_kind.setdefault(kind, []).append(pk)
    rows: list[Any] = []
    for kind, ids in by_kind.items():
        of_kind = kind_of(kind).model._default_manager.filter(pk__in=ids)
        rows += of_kind.select_related("annotator", "item__prompt")
    rows.sort(key=lambda row: -row.pk)
    return list(_tell(rows, design_of(project), {row.item.prompt_id for row in rows}))


def imported_verdicts(*, prompt: Prompt, by: Membership) -> list[ImportedVerdict]:
    """What files said of the prompt's answers, in the order of the import; agreement and training do not read it.

    Raises:
        NotPermitted: the member may not review.
    """
    check_can(by, Permission.REVIEW)
    return list(ImportedVerdict.objects.filter(prompt=prompt).order_by("pk")[:MAX_SHOWN])


def name_responses(prompt: Prompt) -> list[tuple[str, Response]]:
    """A prompt's responses with what a reviewer calls them: "Response 1" is the oldest."""
    return [(f"Response {number}", each) for number, each in enumerate(prompt.responses.order_by("pk"), start=1)]


def _tell(rows: Iterable[Any], design: Design, prompt_ids: set[int]) -> Iterable[JudgementSaid]:
    names, texts = _names(prompt_ids)
    for row in rows:
        kind = kind_of(row._meta.model_name)
        words = import_module(f"labeling.kinds.{kind.name}.words")
        yield JudgementSaid(
            id=row.pk, item_id=row.item_id, prompt=row.item.prompt, kind=kind.name, annotator=row.annotator,
            said=words.in_words(row, names=names, design=design.kinds[kind.name]), reason=row.reason,
            flags=[_flag(flag, design, names, texts) for flag in row.flags], active_ms=row.active_ms,
            created_at=row.created_at, is_surplus=row.is_surplus, retracted_at=row.retracted_at,
            changes=words.changes(row, texts) if hasattr(words, "changes") else [],
        )  # fmt: skip


def _names(prompt_ids: set[int]) -> tuple[dict[int, str], dict[int, str]]:
    names: dict[int, str] = {}
    texts: dict[int, str] = {}
    counts: dict[int, int] = {}
    for pk, prompt_id, text in (
        Response.objects.filter(prompt_id__in=prompt_ids).order_by("pk").values_list("pk", "prompt_id", "text")
    ):
        counts[prompt_id] = counts.get(prompt_id, 0) + 1
        names[pk], texts[pk] = f"Response {counts[prompt_id]}", text
    return names, texts


def _flag(flag: Mapping[str, Any], design: Design, names: Mapping[int, str], texts: Mapping[int, str]) -> FlagSaid:
    word = design.flags.get(flag["name"], str(flag["name"]).replace("_", " "))
    pk = flag.get("response_id")
    if pk is None:
        return FlagSaid(word)
    passage = texts.get(pk, "")[flag["start"] : flag["end"]] if "start" in flag else ""
    if len(passage) > MAX_QUOTED:
        passage = passage[:MAX_QUOTED] + " …"
    return FlagSaid(word, names.get(pk, f"response {pk}"), passage)
