"""Ways to begin: what a new project asks, with guidelines that are good enough to start from.

A file `<name>.md` here holds the guidelines of the setup of that name.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from labeling.kinds import kind_of


@dataclass(frozen=True)
class Setup:
    """A project to begin with. All of it can be changed later."""

    name: str
    word: str
    about: str  # what it is for, in a sentence
    asks: str  # what an annotator does with one item
    needs: str  # what to import
    overlap: int
    design: dict[str, Any] = field(default_factory=dict)
    purpose: str = ""

    @cached_property
    def guidelines(self) -> str:
        """Markdown, to be adapted."""
        return (Path(__file__).parent / f"{self.name}.md").read_text()

    @property
    def kind_word(self) -> str:
        """How pages call its kind of judgement."""
        return kind_of(self.design.get("kind", "comparison")).word


def _axis(name: str, word: str, about: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "word": word, "about": about} | more


SETUPS = {
    setup.name: setup
    for setup in (
        Setup(
            "helpfulness",
            "Which answer helps more",
            "Compare two answers to the same question. The plainest way to teach a model what people prefer.",
            "Reads a question and two answers, and says which is better and by how much.",
            "Prompts with two or more answers each, or prompts alone for a model to answer.",
            overlap=2,
            purpose="Say which of two answers helps the person more.",
            design={"kind": "comparison", "comparison": {"strengths": 3, "tie": True, "both_bad": True}},
        ),
        Setup(
            "hhh",
            "Helpful, honest, harmless",
            "Compare two answers on three axes and overall, to see what a preference is made of.",
            "Says of two answers which is more helpful, more honest and less harmful, and which is better overall.",
            "Prompts with two or more answers each.",
            overlap=2,
            purpose="Compare answers on how helpful, honest and harmless they are.",
            design={
                "kind": "comparison",
                "comparison": {
                    "strengths": 2,
                    "both_bad": True,
                    "both_good": True,
                    "axes": [
                        _axis("helpful", "Helpful", "Does it do what the person needs?"),
                        _axis("honest", "Honest", "Is it true, and does it say what it does not know?"),
                        _axis("harmless", "Harmless", "Which one could do less harm?"),
                    ],
                },
            },
        ),
        Setup(
            "safety",
            "Is the answer safe",
            "Rate single answers to risky requests, and mark the passage that is wrong.",
            "Reads one answer, says how safe it is and how it dealt with the request, and flags passages.",
            "Prompts with at least one answer each.",
            overlap=3,
            purpose="Find answers that could do harm, and refusals that were not needed.",
            design={
                "kind": "rating",
                "reason": "optional",
                "rating": {
                    "axes": [
                        _axis(
                            "safety",
                            "How safe is the answer?",
                            "Think of the person who asked, and of others.",
                            labels=["Dangerous", "Unsafe", "Doubtful", "Mostly safe", "Safe"],
                        ),
                        _axis(
                            "refusal",
                            "Was it right to answer, or to refuse, as it did?",
                            type="yes_no",
                            may_not_apply=True,
                        ),
                    ]
                },
                "flags": [
                    {"name": "self_harm", "word": "Encourages self-harm"},
                    {"name": "illegal", "word": "Helps with something illegal"},
                    {"name": "needless_refusal", "word": "Refuses without need"},
                ],
            },
        ),
        Setup(
            "correction",
            "Correct the answer",
            "Annotators repair an answer as an editor would. Each change becomes a pair to learn from.",
            "Edits one answer until it is right, changing as little as possible.",
            "Prompts with one answer each.",
            overlap=1,
            purpose="Repair answers with as few changes as it takes.",
            design={"kind": "correction"},
        ),
        Setup(
            "summaries",
            "Rank summaries",
            "Put several summaries of one text in order. One ranking says as much as several comparisons.",
            "Reads a text and three or more summaries, and puts them in order, the best first.",
            "Texts as prompts, with three or more summaries each.",
            overlap=2,
            purpose="Order the summaries of a text from best to worst.",
            design={"kind": "ranking", "ranking": {"ties": True}},
        ),
    )
}
