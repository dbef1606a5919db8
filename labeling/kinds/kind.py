"""What a kind of judgement brings along. One instance of a subclass, `KIND` in the folder's kind.py, is the kind."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.http import QueryDict

from accounts.strict import StrictSerializer
from labeling.kinds.judgement import JudgementBase
from labeling.models.assignment import Assignment

# How answers are called on the desk and in the API, in the order in which the person sees them.
LABELS = "abcdefghi"


class Kind(ABC):
    """One kind of judgement. `said` is always what the API takes: the fields of `said_serializer`."""

    name: ClassVar[str]
    word: ClassVar[str]  # on pages: "Comparison"
    question: ClassVar[str]  # the desk's heading
    fewest: ClassVar[int]  # responses that an item of it shows
    most: ClassVar[int]
    model: ClassVar[type[JudgementBase]]
    said_serializer: ClassVar[type[StrictSerializer]]
    design_serializer: ClassVar[type[StrictSerializer]]
    # Its own columns: SQL over `shown.r`, the ids of the responses as the person saw them, and `read`'s parameters.
    columns: ClassVar[Mapping[str, str]]
    # A SELECT of its counted judgements as pairs (labeling.services.pairs says which columns); empty: it gives none.
    pairs: ClassVar[str] = ""
    # A SELECT of its counted judgements as rows of a snapshot's file of their own, where pairs do not say it all:
    # `judgement_id, item_id, annotator_id, response_ids, said, flags`; `said` is JSON. Empty: it has no such file.
    frozen: ClassVar[str] = ""

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def answers_template(self) -> str:
        """The answers and what is asked of them; it has `card`."""
        return f"{self.name}/answers.html"

    @property
    def bar_template(self) -> str:
        """What stands at the bottom edge, beside the button that sends; may be empty.

        It goes by the design, the number of answers and what is chosen: no text of the item is to be in it.
        """
        return f"{self.name}/bar.html"

    @abstractmethod
    def read(self, said: Mapping[str, Any], *, design: Mapping[str, Any], assignment: Assignment) -> dict[str, Any]:
        """The parameters of `columns`.

        Args:
            design: how the project asks for this kind, defaults filled in.

        Raises:
            BadJudgement: the parts do not go together, or the project does not ask for them; `fields` says which.
        """

    @abstractmethod
    def read_form(self, posted: QueryDict, *, design: Mapping[str, Any]) -> dict[str, Any]:
        """What the desk's form said, as the API has it. Nothing is checked: what is missing is left out."""

    @abstractmethod
    def said_of(self, judgement: Any) -> dict[str, Any]:
        """What was said, to be shown again after an undo."""

    def frozen_parameters(self, design: Mapping[str, Any]) -> dict[str, Any]:
        """What `frozen` needs besides `%(project)s`; each name begins with the kind's."""
        return {}

    def card(self, *, design: Mapping[str, Any], draft: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
        """What its part of the card needs besides the texts: its templates have it as `card.ask`."""
        return {}

    def stored(self, judgement: Any) -> dict[str, Any]:
        """What the API answers of a stored judgement: what was said."""
        return self.said_of(judgement)

    def retracted(self, judgement: Any) -> None:  # noqa: B027 - most kinds leave nothing behind
        """A judgement of it was taken back, in this transaction: undo what it brought about."""
