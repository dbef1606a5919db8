"""The trainer of a body under FSDP or DeepSpeed on processors, which accelerate's own launcher refuses to start.

    torchrun --nproc_per_node 2 -m tests.recipes.on_processors RUN_DIR

accelerate takes both for accelerators alone; torch and DeepSpeed run them over gloo all the same. So the process group
is made first, and accelerate is told that it is one of accelerators: all that it does from there on is its own.
"""

from accelerate import PartialState
from accelerate.utils import DistributedType

from training.recipes.reward_trainer import Config, reward_trainer
from training.recipes.run import main

if __name__ == "__main__":
    PartialState(cpu=True)
    PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    main(reward_trainer, Config)
