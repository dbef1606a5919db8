"""Which sets of responses become items."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from accounts.errors import Invalid
from labeling.kinds import NAMES, kind_of
from labeling.kinds.design import design_of
from labeling.models import ItemKind, Project, Response
from labeling.selection import policies


def response_key(response_ids: Iterable[int]) -> str:
    """The identity of a set of responses: their ids, sorted."""
    return ",".join(map(str, sorted(response_ids)))


@dataclass(frozen=True)
class ItemRules:
    """Which sets of responses become items. The names are the API's."""

    kind: str = ItemKind.COMPARISON
    policy: str = "random"
    items_per_prompt: int = 1
    # Rankings alone: how many answers each shows at most; a prompt with fewer has one of all of them.
    responses_per_item: int = 4
    # Leave out sets in which two answers say nearly the same in the same words.
    skip_near_duplicates: bool = False
    # Of these versions alone, or of these names of imported models; empty: of all.
    models: Sequence[str] = field(default_factory=tuple)
    # `metadata.language` and `metadata.skills` of the prompt become what an annotator must have.
    require_from_metadata: bool = False

    def check(self) -> None:
        """Raises Invalid: an unknown name, or a number out of its range."""
        fields: dict[str, str] = {}
        if self.kind not in NAMES:
            fields["kind"] = f"Use one of {', '.join(NAMES)}."
        if self.policy not in policies():
            fields["policy"] = f"Use one of {', '.join(policies())}."
        if not 1 <= self.items_per_prompt <= 50:
            fields["items_per_prompt"] = "Use a whole number from 1 to 50."
        if not 3 <= self.responses_per_item <= 9:
            fields["responses_per_item"] = "Use a whole number from 3 to 9."
        if fields:
            told = " ".join(f"{name}: {why}" for name, why in fields.items())
            raise Invalid(f"Items cannot be made like this. {told}", fields=fields)

    @property
    def fewest(self) -> int:
        """Responses without which a prompt gives no item."""
        return kind_of(self.kind).fewest

    @property
    def most(self) -> int:
        """Responses per item where the prompt has so many."""
        about = kind_of(self.kind)
        return min(max(self.responses_per_item, about.fewest), about.most)


def default_rules(project: Project) -> ItemRules:
    """What becomes an item when nobody says: a pair or a ranking a prompt, or each answer by itself."""
    kind = design_of(project).kind
    many = kind_of(kind).most == 1
    return ItemRules(kind=kind, policy=project.selection_policy, items_per_prompt=50 if many else 1)


def model_names(project: Project) -> list[str]:
    """Which models wrote the project's responses, of the first hundred names."""
    written = Response.objects.filter(prompt__project=project).exclude(model_name="").order_by("model_name")
    return list(written.values_list("model_name", flat=True).distinct()[:100])
