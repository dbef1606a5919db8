from labeling.selection import Policy, by_score

POLICY = Policy(
    "bald",
    "Where plausible reward models differ",
    "Pairs whose verdict says most about which reward model is right.",
    by_score,
    follows_model=True,
)
