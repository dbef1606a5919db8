"""What the figures of a run's result are called, for people, and in what unit."""

from typing import Any

# Name and unit; figures that are not here are for who looks closely, and stand under "All figures".
FIGURES = {
    "demonstrations": ("Demonstrations", ""),
    "train_votes": ("Comparisons learnt from", ""),
    "train_rankings": ("Rankings learnt from", ""),
    "train_ratings": ("Ratings learnt from", ""),
    "held_out_votes": ("Held-out verdicts on two answers", ""),
    "served_answers": ("Answers to users that items were chosen for", ""),
    "prompts": ("Held-out prompts answered", ""),
    "steps": ("Steps", ""),
    "loss": ("Loss at the end", "nats a token"),
    "reward_start": ("Reward at the start", "deviations"),
    "reward_end": ("Reward at the end", "deviations"),
    "kl_nats_end": ("Distance from the parent at the end (KL)", "nats"),
    "completion_tokens_start": ("Length of its answers at the start", "tokens"),
    "completion_tokens_end": ("Length of its answers at the end", "tokens"),
}

# What is longer than what is read, and out of how many; {} is the limit. What is left out is told where there is some.
CUTS = {
    "prompts_cut": ("Prompts longer than {} tokens, read without their beginning", "prompt_tokens", "distinct_prompts"),
    "answers_cut": ("Answers longer than {} tokens, read without their end", "response_tokens", "answers"),
}
LEFT_OUT = {
    "prompts_refused": "Prompts left out: the base model's chat template does not take them",
    "judgements_refused": "Judgements left out with them",
    "items_refused": "Open items not put in order: the chat template does not take their prompts",
    "prompts_too_long": "Prompts left out: too long",
}


def say_figures(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures that anybody understands, in the order of the table above."""
    known = [(name, figures[name]) for name in FIGURES if name in figures]
    # A project asks for one kind of judgement: that it learnt from none of the others is no news. Nor that it serves
    # nobody yet.
    known = [(name, value) for name, value in known if value or not name.startswith(("train_", "served_"))]
    told = [(FIGURES[name][0], f"{_say(value)} {FIGURES[name][1]}".strip()) for name, value in known]
    told += [(word, _say(figures[name])) for name, word in LEFT_OUT.items() if figures.get(name)]
    return told + [
        (word.format(_say(figures[limit])), _say_share(figures[name], figures[of]))
        for name, (word, limit, of) in CUTS.items()
        if {name, limit, of} <= figures.keys()
    ]


def list_figures(figures: dict[str, Any]) -> list[tuple[str, str]]:
    """All of them under their own names, with four digits."""
    return [(name, _say(value)) for name, value in sorted(figures.items())]


def _say_share(part: float, whole: float) -> str:
    return f"{_say(part)} of {_say(whole)}" + (f" ({100 * part / whole:.1f} %)" if whole else "")


def _say(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if float(value).is_integer():
        return f"{value:,.0f}".replace("-", "−")
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")
