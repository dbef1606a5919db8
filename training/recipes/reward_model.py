"""A reward model from judgements: a Bayesian linear head on the base model's averaged hidden states.

    python -m training.recipes.reward_model RUN_DIR

Reads the train and held_out parts of a snapshot. Every vote counts by itself: three annotators who agree weigh three
times one; ties, strengths, ratings and rankings each have their likelihood (targets.py). The body stays frozen, so
nearly all the time goes into reading the answers once; they are kept in `feature_dir` (or the checkpoints), and an
interrupted run, or the next run on more votes, goes on from there.

The held-out votes set one number, the temperature of the probabilities, and otherwise only measure; what is measured
of the probabilities is cross-fitted. Accuracy stands beside the accuracy of always preferring the longer (or shorter)
answer on the same rows, because a reward model that knows no more than that is not one. Items that were chosen for what
a reward model makes of them are learnt from, and measured on only where there are no others.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from training.recipes.annotator_weights import weigh_annotators
from training.recipes.arms import ARMS, measure_arms
from training.recipes.bias_report import report_bias
from training.recipes.contradictions import CONTRADICTIONS, write_contradictions
from training.recipes.features import PROMPT_TOKENS, RESPONSE_TOKENS, FeatureReader
from training.recipes.open_items import PRIORITIES, Ordering, put_in_order
from training.recipes.policies import base_sha256
from training.recipes.preferences import as_independent_pairs, as_pairs
from training.recipes.readable import without_refused
from training.recipes.reward import Basis, Reader, RewardModel
from training.recipes.reward_ensemble import MEMBERS
from training.recipes.reward_measures import calibrate, measure
from training.recipes.reward_targets import check_something_is_left, check_tells_apart
from training.recipes.reward_trainer import TrainSettings
from training.recipes.row_checks import check_apart
from training.recipes.run import Run, main, replace_directory
from training.recipes.selection import DEFAULT
from training.recipes.settings_checks import check_at_least, check_axis_weights
from training.recipes.targets import Strength
from training.recipes.trained_body import try_trained_body
from training.recipes.votes import OVERALL, Votes, texts_of


@dataclass(frozen=True)
class Config:
    base_dir: str
    snapshot_dir: str
    base_sha256: str | None = None  # names the body in the artifact; computed when absent
    feature_dir: str | None = None  # shared by runs over the same base; the run's own checkpoints when absent
    strength: Strength = "scaled"  # what "much better" does: counts more often, or asks for a margin
    axis_weights: dict[str, float] | None = None  # what each axis counts in the reward; the overall verdict when absent
    weigh_annotators: bool = True  # hear those less who agree with nobody's model better than chance
    remove_length: bool = False  # take out of the score what goes along with length
    # What learns: a head on the frozen body's states alone, or then the body too, by adapters or with all its weights.
    method: Literal["features", "lora", "full"] = "features"
    prompt_tokens: int = PROMPT_TOKENS  # so much of a prompt's end is read, by whoever scores with the model too
    response_tokens: int = RESPONSE_TOKENS  # and of an answer's beginning
    epochs: int = 1  # of the body's training
    # What tells how sure a trained body's head is: its posterior, or an ensemble of heads with random priors.
    uncertainty: Literal["laplace", "ensemble"] = "laplace"
    open_items: str | None = None  # comparisons to be put in order for judging
    served_answers: str | None = None  # to users' conversations, for a policy that chooses for what is served
    selection_policy: str = DEFAULT
    random_share: float = 0.15
    batch: int = 50  # labels that are expected before the next refit
    seed: int = 0  # of the order, and of an ensemble
    seconds_to_read: float = 20.0  # for open items' answers that nobody has read yet

    def __post_init__(self) -> None:
        check_at_least(self, prompt_tokens=1, response_tokens=1, epochs=1, batch=1, seed=0, seconds_to_read=0)
        check_axis_weights(self.axis_weights)


def reward_model(run: Run, config: Config) -> None:
    base_dir, snapshot = Path(config.base_dir), Path(config.snapshot_dir)
    train, held_out = Votes.from_snapshot(snapshot, "train"), as_pairs(Votes.from_snapshot(snapshot, "held_out"))
    check_apart((prompt for prompt, _ in train.answers), (prompt for prompt, _ in held_out.answers))
    reader = FeatureReader(
        base_dir, Path(config.feature_dir) if config.feature_dir else run.checkpoints,
        prompt_tokens=config.prompt_tokens, response_tokens=config.response_tokens,
    )  # fmt: skip
    (train, held_out), refused = without_refused(reader, train, held_out)
    check_tells_apart(train)
    run.log(0, 1, refused, stage="load")

    speeds = [0.0]

    def progress(done: int, total: int, tokens_per_second: float) -> None:
        speeds.append(tokens_per_second)
        run.log(done, total, {"tokens_per_second": tokens_per_second}, stage="read answers")

    # The held-out answers in the same pass: batches of one length are larger that way.
    hidden = reader.read(train.answers + held_out.answers, progress=progress)
    basis = Basis.of(reader, train, hidden_A_D=hidden[: len(train.answers)])
    groups = basis.projection.groups
    heard = weigh_annotators(basis.phi_A_K, groups, as_independent_pairs(train)) if config.weigh_annotators else None
    weighted = train.weighted(heard.weights) if heard else train

    def fit(over: Reader, basis: Basis | None = None, members: int = 0) -> tuple[RewardModel, dict[str, float]]:
        return RewardModel.fit(
            over,
            weighted,
            axis_weights=config.axis_weights,
            form=config.strength,
            remove_length=config.remove_length,
            members=members,
            seed=config.seed,
            basis=basis,
        )

    fitted, figures = fit(reader, basis)
    if config.remove_length:
        check_something_is_left(figures["left_without_length"])
    model, method, gain = calibrate(fitted, held_out), "features", list[dict[str, Any]]()
    partial, digest = run.directory / "model.partial", base_sha256(base_dir, config.base_sha256)
    shutil.rmtree(partial, ignore_errors=True)
    if config.method != "features":
        members = MEMBERS if config.uncertainty == "ensemble" else 0
        trial = try_trained_body(
            run, model, lambda over: fit(over, members=members)[0], weighted, held_out,
            settings=TrainSettings(epochs=config.epochs, strength=config.strength, axis_weights=config.axis_weights),
            method=config.method, base_sha256=digest, target=partial,
        )  # fmt: skip
        if not trial.leads:
            return
        figures, gain = figures | trial.figures, trial.evaluations
        if trial.wins:
            model, method = trial.model, config.method
        else:
            shutil.rmtree(partial)
    evaluations = measure(model, as_pairs(train), held_out) + report_bias(model, held_out) + gain

    def fit_overall(part: Votes) -> RewardModel:
        return RewardModel.fit(
            reader, part, form=config.strength, remove_length=config.remove_length, basis=basis
        )[0]  # fmt: skip

    arms = measure_arms(fit_overall, None if config.axis_weights else fitted, weighted, held_out)
    _log_learning_curve(run, arms["learning_curve"], evaluations)
    run.log(1, 1, figures, stage="fit")
    for entry in evaluations:
        print(f"{entry['metric']}: {entry['value']:.3f} ({entry['low']:.3f} to {entry['high']:.3f}, n = {entry['n']})")

    model.save(partial, base_sha256=digest)
    replace_directory(partial, run.model)
    told: dict[str, Any] = {"method": method} | arms
    if config.open_items:
        ordering = Ordering(
            config.selection_policy, config.random_share, config.batch, config.seed, config.seconds_to_read
        )
        first, second = ([held_out.answers[n] for n in side] for side in (held_out.first_P, held_out.second_P))
        figures |= put_in_order(
            model, Path(config.open_items), run.directory / PRIORITIES, ordering,
            served_answers=Path(config.served_answers) if config.served_answers else None,
            held_out=(first, second),
        )  # fmt: skip
        told["priorities"] = PRIORITIES
    write_contradictions(
        lambda part, its_A: RewardModel.fit(reader, part, basis=basis.of_some(its_A))[0],
        model, weighted, snapshot, run.directory / CONTRADICTIONS,
    )  # fmt: skip
    told["contradictions"] = CONTRADICTIONS
    figures |= _counts(train, held_out) | refused | reader.count_cut(train.answers + held_out.answers)
    figures |= {"prompt_tokens": config.prompt_tokens, "response_tokens": config.response_tokens}
    figures |= {"tokens_per_second": speeds[-1], "temperature": model.temperature}
    if heard:
        figures["annotators_weighed_down"] = int((heard.weights < 1).sum())
        figures["annotators_too_few_to_tell"] = int(heard.too_few_to_tell)
    run.finish(
        artifacts={"model": "model"},
        figures=figures,
        evaluations=evaluations,
        annotators=heard.as_rows(train.annotators) if heard else [],
        **told,
    )


def _counts(train: Votes, held_out: Votes) -> dict[str, float]:
    """What was learnt from. `cut` texts and identical answers are in it: counted here, dropped nowhere."""
    overall = train.on_axis(OVERALL)
    return {
        "answers": len(train.answers) + len(held_out.answers),
        "distinct_prompts": len({repr(prompt) for prompt, _ in train.answers + held_out.answers}),
        "train_votes": len(overall),
        "held_out_votes": len(held_out.on_axis(OVERALL)),
        "train_anchors": len(overall.level_Q),
        "train_rankings": len(train.rankings),
        "train_ratings": int((overall.is_rating_Q).sum()),
        "train_ties": int((overall.tie_P == 1).sum()),
        "votes_on_identical_answers": int((overall.first_P == overall.second_P).sum()),
        "empty_answers": sum(not text.strip() for text in texts_of(train.answers + held_out.answers)),
    }


def _log_learning_curve(run: Run, curve: list[dict[str, Any]], evaluations: list[dict[str, Any]]) -> None:
    """For the run's page, where figures are numbers alone: arm 0 is the random one, 1 the active one."""
    baseline = {e["metric"]: e["value"] for e in evaluations}.get("length_baseline", 0.5)
    for row in curve:
        figures = {"arm": list(ARMS).index(row["arm"]), "labels": row["labels"], "accuracy": row["accuracy"]}
        bands = {"accuracy_low": row["low"], "accuracy_high": row["high"], "length_baseline": baseline}
        run.log(row["labels"], max(each["labels"] for each in curve), figures | bands, stage="learning curve")


if __name__ == "__main__":
    main(reward_model, Config)
