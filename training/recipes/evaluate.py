"""Is a policy better than its parent? Both answer the held-out prompts, and a judge that neither has met decides.

    python -m training.recipes.evaluate RUN_DIR

The judge must not be the reward model that the policy was trained against: that one it has learned to please, right
or wrong, and its verdict only says that training worked. So an independent head is fitted here on the held-out
judgements alone, whose prompts the policy was not trained on and whose votes the reward model has not seen. It
shares the body with the reward model, hence some of its blind spots; `judge_url` and `judge_model` name an
OpenAI-compatible judge instead. With fewer than `least_judgements` decided held-out judgements there is nothing to
fit, the reward model has to do, and the evaluation's detail says so.

Every pair of answers is judged in both orders. The interval of the win rate draws whole prompts, since answers to
one prompt are alike; it does not contain the judge's own error.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.recipes.conversations import Messages, batches_by_length, prompt_tokens, read_rows
from training.recipes.features import FeatureReader
from training.recipes.intervals import Floats, cluster_bootstrap, evaluation, mean_interval
from training.recipes.judges import Duel, EndpointJudge, Judge, RewardJudge, judge_both_orders
from training.recipes.policies import device, load_policy, load_tokenizer
from training.recipes.preferences import as_pairs
from training.recipes.readable import rows_it_takes, without_refused
from training.recipes.reward import RewardModel
from training.recipes.reward_measures import measure
from training.recipes.row_checks import check_prompt
from training.recipes.run import RecipeError, Run, main, write_atomically
from training.recipes.votes import OVERALL, Votes

SHOWN_SAMPLES, SHOWN_CHARACTERS = 12, 1500


@dataclass(frozen=True)
class Config:
    base_dir: str
    snapshot_dir: str
    policy_dir: str  # the adapter to evaluate
    parent_dir: str | None = None  # the adapter it must beat; the bare base when absent
    reward_model_dir: str | None = None  # the one that the policy was trained against
    base_sha256: str | None = None
    feature_dir: str | None = None
    judge_url: str | None = None
    judge_model: str | None = None
    least_judgements: int = 20
    max_prompts: int = 60
    samples_per_prompt: int = 2
    max_prompt_tokens: int = 256
    max_completion_tokens: int = 64
    temperature: float = 0.7
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.judge_url is None) != (self.judge_model is None):
            raise ValueError("judge_url and judge_model go together: set both or neither.")
        if min(self.max_prompts, self.samples_per_prompt, self.max_completion_tokens) < 1 or self.temperature <= 0:
            raise ValueError("max_prompts, samples_per_prompt, max_completion_tokens and temperature must be positive.")


def evaluate(run: Run, config: Config) -> None:
    base_dir, snapshot = Path(config.base_dir), Path(config.snapshot_dir)
    path = snapshot / "prompts_held_out.jsonl"
    rows = read_rows(path, keys=("prompt_id", "prompt"), check=check_prompt)[: config.max_prompts]
    if not rows:
        raise RecipeError("This snapshot has no held-out prompts to evaluate on; add prompts and freeze a new one.")
    asked = len(rows)
    rows = rows_it_takes(load_tokenizer(base_dir), rows)
    prompts = [row["prompt"] for row in rows]
    sides = {"policy": Path(config.policy_dir), "parent": Path(config.parent_dir) if config.parent_dir else None}
    answers = {
        side: answer(run, config, side, adapter, prompts, seed=2 * config.seed + index)
        for index, (side, adapter) in enumerate(sides.items())
    }

    run.log(0, 3, stage="judge")
    reader = FeatureReader(base_dir, Path(config.feature_dir) if config.feature_dir else run.checkpoints / "features")
    (held_out,), _ = without_refused(reader, Votes.from_snapshot(snapshot, "held_out").on_axis(OVERALL))
    trained = RewardModel.load(Path(config.reward_model_dir), reader) if config.reward_model_dir else None
    if trained is not None and isinstance(trained.reader, FeatureReader):
        reader = trained.reader  # which reads as much as was trained on
    judge = choose_judge(config, reader, held_out, trained)
    run.log(1, 3, stage="judge")
    # Every answer of one side against every answer of the other: more pairs, less noise, no more writing.
    duels: list[Duel] = []
    owners: list[int] = []
    for index, prompt in enumerate(prompts):
        for ours in answers["policy"][index]:
            for theirs in answers["parent"][index]:
                duels.append((prompt, ours, theirs))
                owners.append(index)
    wins, consistent = judge_both_orders(judge, duels)
    run.log(2, 3, {"win_rate": float(wins.mean())}, stage="judge")

    samples = _samples(duels, owners, wins, rows)
    detail = {
        "judge": judge.name,
        "judge_kind": judge.kind,
        "held_out_judgements": _judgements(held_out),
        "order_consistency": consistent,
        "pairs": len(duels),
        "samples": [_shortened(sample) for sample in samples[:SHOWN_SAMPLES]],
    }
    evaluations = [evaluation("win_rate", float(wins.mean()), mean_interval(wins, owners), len(prompts), detail)]
    evaluations += _length_evaluations(answers)
    if trained is not None:
        (train,), _ = without_refused(reader, Votes.from_snapshot(snapshot, "train"))
        evaluations += measure(trained, as_pairs(train), as_pairs(held_out))
    write_atomically(run.directory / "samples.jsonl", "".join(json.dumps(sample) + "\n" for sample in samples))
    run.log(3, 3, stage="judge")
    run.finish(
        artifacts={"samples": "samples.jsonl"},
        figures={"prompts": len(prompts), "prompts_refused": asked - len(prompts)},
        evaluations=evaluations,
    )


@torch.inference_mode()
def answer(
    run: Run, config: Config, side: str, adapter: Path | None, prompts: Sequence[Messages], *, seed: int
) -> list[list[str]]:
    """`samples_per_prompt` answers to each prompt; a side that an interrupted run has finished is read back."""
    kept = run.checkpoints / f"{side}.json"
    if kept.exists():
        texts: list[list[str]] = json.loads(kept.read_text())
        return texts
    tokenizer = load_tokenizer(Path(config.base_dir))
    model: Any = load_policy(Path(config.base_dir), adapter)
    tokens = [prompt_tokens(tokenizer, prompt, limit=config.max_prompt_tokens) for prompt in prompts]
    texts = [[] for _ in prompts]
    torch.manual_seed(seed)
    done = 0
    for batch in batches_by_length(
        [len(t) for t in tokens], tokens=10**9, rows=max(1, 16 // config.samples_per_prompt)
    ):
        inputs = tokenizer.pad({"input_ids": [tokens[i] for i in batch]}, return_tensors="pt").to(device())
        written = model.generate(
            **inputs,
            max_new_tokens=config.max_completion_tokens,
            num_return_sequences=config.samples_per_prompt,
            do_sample=True,
            temperature=config.temperature,
            top_k=0,
            top_p=1.0,
        )
        decoded = tokenizer.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        for position, index in enumerate(batch):
            start = position * config.samples_per_prompt
            texts[index] = [text.strip() for text in decoded[start : start + config.samples_per_prompt]]
        done += len(batch)
        run.log(done, len(prompts), stage=f"{side} answers")
    write_atomically(kept, json.dumps(texts))
    return texts


def choose_judge(config: Config, reader: FeatureReader, held_out: Votes, trained: RewardModel | None) -> Judge:
    if config.judge_url and config.judge_model:
        return EndpointJudge(config.judge_url, config.judge_model)
    decided = len(as_pairs(held_out).decided())
    if decided >= config.least_judgements:
        model, _ = RewardModel.fit(reader, held_out)
        return RewardJudge(
            model, f"independent head on {_judgements(held_out)} held-out judgements", "independent_head"
        )
    if trained is None:
        raise RecipeError(
            f"There are only {decided} held-out judgements that prefer an answer and no reward model; "
            f"collect {config.least_judgements}, or name a judge endpoint."
        )
    return RewardJudge(trained, "the reward model itself, for lack of held-out judgements")


def _judgements(votes: Votes) -> int:
    return len(votes) + len(votes.rankings) + int(votes.is_rating_Q.sum())


def _length_evaluations(answers: dict[str, list[list[str]]]) -> list[dict[str, Any]]:
    """Mean characters of both, and the ratio: a policy that won by writing more should be seen to."""
    medians = {side: float(np.median([len(text) for texts in of for text in texts])) for side, of in answers.items()}
    lengths = {side: np.array([np.mean([len(t) for t in texts]) for texts in of]) for side, of in answers.items()}
    prompts = range(len(lengths["policy"]))

    def ratio(rows: np.ndarray) -> float:
        return float((1 + lengths["policy"][rows].mean()) / (1 + lengths["parent"][rows].mean()))

    found = [
        evaluation(
            "length_ratio",
            ratio(np.arange(len(prompts))),
            cluster_bootstrap(ratio, prompts),
            len(prompts),
            {
                "of_medians": (1 + medians["policy"]) / (1 + medians["parent"]),
                "median_characters": medians,
            },
        )
    ]
    for side, of_prompt in lengths.items():

        def mean(rows: np.ndarray, of_prompt: Floats = of_prompt) -> float:
            return float(of_prompt[rows].mean())

        interval = cluster_bootstrap(mean, prompts)
        found.append(
            evaluation(f"{side}_length", float(of_prompt.mean()), interval, len(prompts), {"unit": "characters"})
        )
    return found


def _samples(duels: list[Duel], owners: list[int], wins: Floats, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first pair of each prompt, for people to look at: not chosen by how it ended."""
    samples: dict[int, dict[str, Any]] = {}
    for (prompt, ours, theirs), owner, win in zip(duels, owners, wins, strict=True):
        sample = {
            "prompt_id": rows[owner]["prompt_id"],
            "prompt": prompt,
            "policy": ours,
            "parent": theirs,
            "probability": round(float(win), 4),
            "verdict": "policy" if win > 0.5 else "parent" if win < 0.5 else "tie",
        }
        samples.setdefault(owner, sample)
    return list(samples.values())


def _shortened(sample: dict[str, Any]) -> dict[str, Any]:
    """The last turn of the prompt alone, and long texts cut: this goes into the database with the evaluation."""
    texts = sample | {"prompt": sample["prompt"][-1]["content"]}
    for name in ("prompt", "policy", "parent"):
        if len(texts[name]) > SHOWN_CHARACTERS:
            texts[name] = texts[name][:SHOWN_CHARACTERS] + "…"
    return texts


if __name__ == "__main__":
    main(evaluate, Config)
