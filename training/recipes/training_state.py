"""Checkpoints of an accelerate loop: one safetensors file where a process holds all weights, accelerate's own directory
where FSDP or DeepSpeed spreads them.
"""

import json
import shutil
from typing import Any

from accelerate import Accelerator
from accelerate.utils import DistributedType
from transformers.integrations import unset_hf_deepspeed_config

from training.recipes.checkpoint import Parameters, load_checkpoint, save_checkpoint
from training.recipes.run import RecipeError, Run, replace_directory

SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM)


def state_batch_to_deepspeed(accelerator: Accelerator, *, pairs: int, clip: float) -> None:
    """Tell DeepSpeed what it otherwise reads off a data loader, which this loop has not, and to clip as the loop does.

    It takes a step inside `accelerator.backward`: gradients are clipped there or not at all.
    """
    config = accelerator.state.deepspeed_plugin.deepspeed_config
    if config.get("train_micro_batch_size_per_gpu", "auto") == "auto":
        config["train_micro_batch_size_per_gpu"] = max(1, pairs // accelerator.num_processes)
    config["gradient_accumulation_steps"] = 1
    config["gradient_clipping"] = clip
    config.setdefault("zero_optimization", {})["stage3_gather_16bit_weights_on_model_save"] = True
    # Else its third stage would spread a model over the processes while one of them is still reading it.
    unset_hf_deepspeed_config()


class TrainingState:
    """Args:
    identity: what the checkpoint belongs to; one of another is refused.
    """

    def __init__(
        self, run: Run, accelerator: Accelerator, parameters: Parameters, optimizer: Any, identity: str
    ) -> None:
        self.run, self.accelerator, self.optimizer, self.identity = run, accelerator, optimizer, identity
        self.parameters = parameters
        self.sharded = accelerator.distributed_type in SHARDED
        self.path = run.checkpoints / ("trained_body" if self.sharded else "trained_body.safetensors")

    def load(self) -> int:
        """Steps that are done."""
        if not self.sharded:
            done = load_checkpoint(
                self.path, parameters=self.parameters, optimizer=self.optimizer, config=self.identity
            )
        elif (self.path / "step.json").exists():
            stored = json.loads((self.path / "step.json").read_text())
            if stored["config"] != self.identity:
                raise RecipeError("The checkpoint was made with other settings; start a new run directory.")
            self.accelerator.load_state(str(self.path))
            done = stored["step"]
        else:
            done = 0
        if self.accelerator.is_main_process:
            self.run.rewind_metrics(to_step=done)
        return int(done)

    def save(self, step: int) -> None:
        if self.sharded:
            partial = self.path.with_suffix(".partial")
            if self.accelerator.is_main_process:
                shutil.rmtree(partial, ignore_errors=True)
            self.accelerator.wait_for_everyone()
            self.accelerator.save_state(str(partial))
            self.accelerator.wait_for_everyone()  # every process writes its part
            if self.accelerator.is_main_process:
                (partial / "step.json").write_text(json.dumps({"step": step, "config": self.identity}))
                replace_directory(partial, self.path)
            self.accelerator.wait_for_everyone()
        elif self.accelerator.is_main_process:
            save_checkpoint(
                self.path, step=step, parameters=self.parameters, optimizer=self.optimizer, config=self.identity
            )
