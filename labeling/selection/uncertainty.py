from labeling.selection import Policy, by_score

POLICY = Policy(
    "uncertainty",
    "Closest calls first",
    "A warning more than a choice: it buys ties and noise, and random order learns more.",
    by_score,
    follows_model=True,
)
