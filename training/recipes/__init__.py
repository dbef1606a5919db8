"""Training programs. Each runs alone, `python -m training.recipes.<name> RUN_DIR`, and knows nothing of the web side.

    prepare_base   the model everything starts from: a package, a directory or a hub id -> a plain model directory
    sft            demonstrations -> an adapter
    reward_model   judgements -> a scorer of answers
    grpo           prompts + reward model -> an adapter whose answers score higher
    evaluate       is the new adapter better than its parent, and by how much
    tiny_model     a model of a few hundred kilobytes for tests

`run.py` holds the contract with the web side: config.json in, metrics.jsonl meanwhile, result.json last.
"""

import os

# Before anything imports torch, whose OpenMP reads it once: a thread that waits for its sibling must sleep, not
# spin. On two processors that an engine or another program shares, spinning makes every small matrix product take 3
# ms.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# And numpy's BLAS, which cannot be told to sleep: its products here are small.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
