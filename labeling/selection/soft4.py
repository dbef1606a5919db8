from labeling.selection import Policy, by_score

POLICY = Policy(
    "soft4",
    "Most to learn from, softly",
    "Of four times as many pairs drawn at random, those that tell the reward model most.",
    by_score,
    follows_model=True,
)
