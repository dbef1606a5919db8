"""How an agreement figure is told: the word that managers ask for, next to the number."""

from dataclasses import dataclass

from accounts.models import User
from labeling.services.agreement import AgreementFigures, PairAgreement
from labeling.services.question_agreement import QuestionAgreement

# Usual readings of a chance-corrected coefficient: from this value on, this word.
_WORDS = [(0.8, "very well"), (0.6, "well"), (0.4, "moderately"), (0.2, "a little"), (0.0, "hardly at all")]


def agreement_word(value: float) -> str:
    """`moderately` for 0.52; below zero people differ more than chance would."""
    return next((word for limit, word in _WORDS if value >= limit), "less than chance would")


@dataclass(frozen=True)
class NamedPair:
    """Two annotators by name, with how far they agree."""

    first: str
    second: str
    agreement: PairAgreement


def name_pairs(figures: AgreementFigures, *, most: int = 50) -> list[NamedPair]:
    """The pairs with the most items in common, with names."""
    pairs = figures.pairs[:most]
    ids = {pk for pair in pairs for pk in (pair.first_id, pair.second_id)}
    names = {user.pk: user.display_name for user in User.objects.filter(pk__in=ids)}
    return [NamedPair(names[pair.first_id], names[pair.second_id], pair) for pair in pairs]


@dataclass(frozen=True)
class ToldQuestion:
    """A question on which two people's answers can be compared; `agree` is empty where nothing varies."""

    asked: QuestionAgreement
    agree: str


def tell_questions(figures: AgreementFigures) -> list[ToldQuestion]:
    """Those with an item that two people judged."""
    return [
        ToldQuestion(asked, agreement_word(asked.alpha.value) if asked.alpha else "")
        for asked in figures.questions
        if asked.items_with_two
    ]
