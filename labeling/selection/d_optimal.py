from labeling.selection import Policy, by_score

POLICY = Policy(
    "d_optimal",
    "Most to learn from",
    "Pairs that tell the reward model most, of all there are; odd answers come early.",
    by_score,
    follows_model=True,
)
