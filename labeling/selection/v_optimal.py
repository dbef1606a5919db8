from labeling.selection import Policy, by_score

POLICY = Policy(
    "v_optimal",
    "Most to learn from, for what is served",
    "Pairs that make the reward model surest on the prompts that it will serve. It saved most labels in our trials.",
    by_score,
    follows_model=True,
)
