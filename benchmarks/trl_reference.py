"""What TRL's RewardTrainer makes of 1,000 random labels: the accuracy that the label-efficiency benchmark has to reach.

    python -m benchmarks.trl_reference SOURCE [--draw 0] [--labels 1000] [--base DIRECTORY]

The settings are those of the LoRA example in TRL's documentation of reward modelling. What changes speed and nothing
else is set to fit a CPU: no gradient checkpointing, and a batch of 8 pairs is added up from 4 of 2, which pads less.
Takes some 20 minutes of one idle core a source, goes on from its last checkpoint, and keeps its result, with its
settings, in ACCORD_DATA_DIR/benchmarks. With other torch programs beside it set OMP_NUM_THREADS=1.
"""

import argparse
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.label_sources import SOURCES, Source, load_source, split_once
from benchmarks.reference_data import add_base_argument, data_directory, prepared_base, work_directory
from training.recipes.intervals import Floats, mean_interval
from training.recipes.model_directory import hash_directory

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"}

LABELS = 1000
SETTINGS: dict[str, Any] = {
    "learning_rate": 1e-4,
    "batch_pairs": 8,
    "num_train_epochs": 1,
    "max_length": 512,
    "lora_r": 32,
    "lora_alpha": 16,
    "bf16": True,  # TRL's default: weights in float32, products in bfloat16
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Held-out accuracy of TRL's RewardTrainer after 1,000 labels")
    parser.add_argument("source", choices=SOURCES)
    parser.add_argument("--draw", type=int, default=0)
    parser.add_argument("--labels", type=int, default=LABELS)
    add_base_argument(parser)
    arguments = parser.parse_args()
    work = work_directory()
    base = prepared_base(arguments.base)
    print(json.dumps(reference(arguments.source, base, work, labels=arguments.labels, draw=arguments.draw)))


def reference_path(name: str, work: Path, draw: int, labels: int = LABELS) -> Path:
    return work / "trl_reference" / f"{name}-{labels}-{draw}.json"


def kept_references(name: str, work: Path) -> list[dict[str, Any]]:
    """The results of all draws that were run."""
    paths = sorted(work.glob(f"trl_reference/{name}-{LABELS}-*.json"))
    return [json.loads(path.read_text()) for path in paths]


def reference(name: str, base: Path, work: Path, *, labels: int = LABELS, draw: int = 0) -> dict[str, Any]:
    """The cached result, or that of a run; it names its settings and the base."""
    path = reference_path(name, work, draw, labels)
    sha256 = hash_directory(base)
    if path.exists() and (known := json.loads(path.read_text()))["base_sha256"] == sha256:
        return dict(known)
    path.parent.mkdir(parents=True, exist_ok=True)
    source = load_source(name, data_directory())
    started = time.monotonic()
    right = _train_and_measure(source, base, path.with_suffix(""), labels, draw)
    _, test, _ = split_once(source)
    low, high = mean_interval(right, source.prompts_N[test].tolist())
    result = {
        "source": name,
        "labels": labels,
        "draw": draw,
        "accuracy": round(float(right.mean()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "test_pairs": len(test),
        "settings": SETTINGS,
        "base_sha256": sha256,
        "seconds": round(time.monotonic() - started, 1),
    }
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result, indent=1))
    os.replace(partial, path)
    shutil.rmtree(path.with_suffix(""), ignore_errors=True)
    return result


def _train_and_measure(source: Source, base: Path, checkpoints: Path, labels: int, draw: int) -> Floats:
    """1 for each held-out pair that is ordered as its gold says."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from trl import RewardConfig, RewardTrainer

    torch.manual_seed(draw)  # the new score layer is drawn before the trainer sets its seed
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, dtype=torch.float32)
    settings = RewardConfig(
        output_dir=str(checkpoints),
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=False,
        gradient_accumulation_steps=SETTINGS["batch_pairs"] // 2,
        per_device_train_batch_size=2,
        save_steps=10,
        save_total_limit=1,
        logging_steps=5,
        report_to="none",
        seed=draw,
        **{name: SETTINGS[name] for name in ("learning_rate", "num_train_epochs", "max_length", "bf16")},
    )
    trainer = RewardTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_list(preferences(source, labels, draw)),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=SETTINGS["lora_r"],
            lora_alpha=SETTINGS["lora_alpha"],
            lora_dropout=0.05,
            task_type="SEQ_CLS",
            modules_to_save=["score"],
        ),
    )
    trained: Any = trainer.model  # with its adapter
    resume = any(checkpoints.glob("checkpoint-*"))
    trainer.train(resume_from_checkpoint=resume)
    _, test, gold = split_once(source)
    used = np.unique(np.concatenate([source.first_N[test], source.second_N[test]]))
    score_A = np.zeros(len(source.answers))
    score_A[used] = _scores(trained.eval(), tokenizer, [source.answers[index] for index in used])
    delta = score_A[source.first_N[test]] - score_A[source.second_N[test]]
    return 0.5 + 0.5 * np.sign(delta) * np.sign(gold - 0.5)


def preferences(source: Source, labels: int, draw: int = 0) -> list[dict[str, Any]]:
    """So many random training pairs with one decided vote each, as TRL wants them: it has no ties."""
    train, _, _ = split_once(source)
    chance = np.random.default_rng(draw)
    rows = []
    for pair in chance.permutation(train):
        decided = [vote for vote in source.votes_N[pair] if vote != 0.5]
        if not decided:
            continue
        first, second = source.answers[source.first_N[pair]], source.answers[source.second_N[pair]]
        better, worse = (first, second) if chance.choice(decided) else (second, first)
        rows.append({"prompt": better[0], "chosen": _message(better[1]), "rejected": _message(worse[1])})
        if len(rows) == labels:
            break
    return rows


def _message(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _scores(model: Any, tokenizer: Any, answers: list[Any], rows: int = 8) -> Floats:
    import torch

    tokens = [
        tokenizer.apply_chat_template([*prompt, *_message(text)], tokenize=True, return_dict=False)[
            : SETTINGS["max_length"]
        ]
        for prompt, text in answers
    ]
    scores = np.zeros(len(answers))
    order = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))
    for start in range(0, len(order), rows):
        part = order[start : start + rows]
        batch = tokenizer.pad(
            {"input_ids": [tokens[index] for index in part]}, return_tensors="pt", padding_side="right"
        )
        with torch.inference_mode():
            scores[part] = model(**batch.to(model.device)).logits[:, 0].float().cpu().numpy()
    return scores


if __name__ == "__main__":
    main()
