"""The stages of the loop in order. Each waits for the application to do its part, and fails with a sentence."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.models import Organisation
from accounts.permissions import Role
from config.loop.client import Client, LoopError
from config.loop.judging import Tally, judge_until
from config.loop.people import make_simulated
from config.loop.preference import HiddenPreference
from config.loop.report import Report


@dataclass(frozen=True)
class Plan:
    """How much of everything; the tiny twin in the tests asks for less."""

    project_id: int
    preference: HiddenPreference
    judgements: int = 200
    annotators: int = 3
    canary_share: float = 0.5
    requests: list[str] | None = None
    config: dict[str, Any] | None = None
    seed: int = 0
    patience_seconds: float = 1500


class Journey:
    """One trip around the loop against running web and gateway processes."""

    def __init__(self, plan: Plan, report: Report) -> None:
        self.plan = plan
        self.report = report
        organisation = Organisation.objects.get(projects=plan.project_id)
        self.organisation = organisation
        # An administrator: the loop imports, trains, promotes and calls the endpoint in one person.
        self.engineer = make_simulated(organisation, "engineer", Role.ADMINISTRATOR)
        self.annotators = [
            make_simulated(organisation, f"annotator-{n + 1}", Role.ANNOTATOR) for n in range(plan.annotators)
        ]
        self.web = Client(settings.WEB_URL, self.engineer.token)
        self.gateway = Client(settings.GATEWAY_URL, self.engineer.token)
        self.project_path = f"/api/v1/projects/{plan.project_id}"

    def travel(self) -> None:
        """All stages."""
        self.prepare()
        self.sample_and_judge()
        runs = self.train()
        policy = self.evaluate(runs)
        self.promote(policy)
        answers = self.serve()
        self.feed_back(answers)
        self.audit()

    def prepare(self) -> None:
        """The base model and the first policy, which the demo's seed has queued."""
        with self.report.stage("base and SFT") as row:
            runs = self._wait_for_runs(lambda run: run["recipe"] in ("prepare_base", "sft"), count=None)
            versions = self._versions()
            if not any(version["stage"] == "production" for version in versions):
                raise LoopError("No version is in production after SFT.")
            row.did = f"{len(runs)} runs, {len(versions)} versions, production {self._production()['name']}"

    def sample_and_judge(self) -> None:
        """Answers come from the engine; annotators judge while they come."""
        plan = self.plan
        # With settings of its own the refresh is started by hand, later; without, by the trigger, when it is due.
        self.web.call("PATCH", self.project_path, {"retrain_after": None if plan.config else plan.judgements})
        with self.report.stage("sample and judge") as row:

            def is_over(tally: Tally) -> bool:
                return self._sampling()["status"] == "succeeded"

            tally = self._judge(is_over)
            agreement = self.web.get(f"{self.project_path}/agreement")
            row.figures = {"judgements": tally.judged, "agreement": agreement}
            right = tally.agreed_with_preference / max(1, tally.judged)
            row.did = (
                f"{self._sampling()['done']} prompts answered twice; {tally.judged} judgements by {plan.annotators} "
                f"simulated annotators, {right:.0%} as their preference has it without noise; {_say_alpha(agreement)}"
            )
            if tally.judged < plan.judgements:
                raise LoopError(f"Only {tally.judged} of {plan.judgements} judgements could be given.")

    def train(self) -> list[dict[str, Any]]:
        """The trigger saw enough new judgements: snapshot, reward model, policy and evaluation run by themselves."""
        with self.report.stage("train") as row:
            if self.plan.config:
                self._start_refresh(self.plan.config)
            chain = ("reward_model", "grpo", "evaluate")
            # Refits of the reward model by itself may come in between.
            runs = self._wait_for_runs(lambda run: run["recipe"] in chain and run["chain_id"], count=3)
            parts = [f"{run['recipe']} {run['seconds']:.0f} s" for run in runs]
            row.did = f"started {'by hand' if self.plan.config else 'by itself'} ({runs[0]['why']}): " + ", ".join(
                parts
            )
            return runs

    def evaluate(self, runs: list[dict[str, Any]]) -> dict[str, Any]:
        """What the evaluation measured, and what the gate said of it."""
        with self.report.stage("evaluate and gate") as row:
            grpo = next(run for run in runs if run["recipe"] == "grpo")
            policy = self.web.get(
                f"/api/v1/versions/{next(v['id'] for v in self._versions() if v['run'] == grpo['id'])}"
            )
            figures = {each["metric"]: each for each in policy["evaluations"]}
            win = figures["win_rate"]
            gate = policy["gate"]
            truth = self._true_win_rate(next(run for run in runs if run["recipe"] == "evaluate"))
            row.figures = {"win_rate": win, "evaluations": list(figures.values()), "gate": gate, "true_win_rate": truth}
            row.did = f"win rate over parent {_say(win)}"
            if "reward_model_accuracy" in figures:
                row.did += f", reward model accuracy {_say(figures['reward_model_accuracy'])}"
            if truth is not None:
                row.did += f"; by the hidden preference itself {truth:.2f}"
            row.did += f"; gate {'open' if gate['is_open'] else 'closed'}"
            return policy

    def promote(self, policy: dict[str, Any]) -> None:
        """Canary when the gate is open; a closed gate keeps the parent serving."""
        with self.report.stage("promote") as row:
            if not policy["gate"]["is_open"]:
                why = [term["sentence"] for term in policy["gate"]["terms"] if not term["holds"]]
                row.did = (
                    f"{policy['name']} stays a candidate: {' '.join(why)} {self._production()['name']} goes on serving"
                )
                return
            body = {"to_stage": "canary", "canary_share": self.plan.canary_share, "reason": "The gate is open (loop)."}
            self.web.post(f"/api/v1/versions/{policy['id']}/promote", body)
            row.did = f"{policy['name']} is the canary with {self.plan.canary_share:.0%} of the traffic"

    def serve(self) -> list[dict[str, Any]]:
        """Simulated users of an application ask through the endpoint."""
        with self.report.stage("serve") as row:
            slug = self.web.get(self.project_path)["slug"]
            served = []
            for number, question in enumerate(self.plan.requests or []):
                body = {
                    "model": slug,
                    "messages": [{"role": "user", "content": question}],
                    "user": f"simulated-user-{number}",
                    "max_tokens": 64,
                }
                answer = self.gateway.post("/v1/chat/completions", body)
                served.append({"id": answer["id"], "text": answer["choices"][0]["message"]["content"]})
            names = [version["name"] for version in self._versions() if version["stage"] in ("production", "canary")]
            row.did = f"{len(served)} requests of {len(served)} simulated users answered by {' and '.join(names)}"
            return served

    def feed_back(self, answers: list[dict[str, Any]]) -> None:
        """The users' thumbs follow the hidden preference; the lower half becomes items, which annotators judge."""
        with self.report.stage("feed back") as row:
            ranked = sorted(answers, key=lambda answer: self.plan.preference.utility(answer["text"]))
            down = ranked[: (len(ranked) + 1) // 2]
            wanted = self._figures()["items"] + len(down)
            for answer in ranked:
                thumb = "down" if answer in down else "up"
                body = {"id": answer["id"], "thumb": thumb, "client_id": str(uuid.uuid4())}
                self.gateway.post("/v1/feedback", body)
            self._wait(lambda: self._figures()["items"] >= wanted, f"{len(down)} items from thumbs down")
            tally = self._judge(lambda tally: True)
            row.figures = {"thumbs_down": len(down), "judgements": tally.judged}
            row.did = (
                f"{len(down)} thumbs down and {len(ranked) - len(down)} up by simulated users; {len(down)} new blind "
                f"items, {tally.judged} judgements of them"
            )

    def audit(self) -> None:
        """Close the canary's probation when there was one."""
        canary = next((version for version in self._versions() if version["stage"] == "canary"), None)
        if canary is None:
            return
        with self.report.stage("production") as row:
            self.web.post(
                f"/api/v1/versions/{canary['id']}/promote",
                {"to_stage": "production", "reason": "The canary held (loop)."},
            )
            row.did = f"{canary['name']} is in production; the version before it can be rolled back to"

    # What the stages ask of the application.

    def _judge(self, is_over: Callable[[Tally], bool]) -> Tally:
        return judge_until(
            web=settings.WEB_URL,
            project_id=self.plan.project_id,
            annotators=self.annotators,
            preference=self.plan.preference,
            is_over=is_over,
            seed=self.plan.seed,
        )

    def _wait(self, ready: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + self.plan.patience_seconds
        while True:
            found = ready()
            if found:
                return found
            if time.monotonic() > deadline:
                raise LoopError(f"Waited {self.plan.patience_seconds:.0f} s for {what}, in vain.")
            time.sleep(0.5)

    def _runs(self) -> list[dict[str, Any]]:
        return sorted(
            self.web.get(f"/api/v1/runs?project={self.plan.project_id}")["results"], key=lambda run: run["id"]
        )

    def _wait_for_runs(self, wanted: Callable[[dict[str, Any]], bool], count: int | None) -> list[dict[str, Any]]:
        told: set[tuple[int, str]] = set()

        def ready() -> list[dict[str, Any]]:
            runs = [run for run in self._runs() if wanted(run)]
            for run in runs:
                if (run["id"], run["status"]) not in told and run["status"] != "queued":
                    told.add((run["id"], run["status"]))
                    self.report.say(f"  {run['recipe']}: {run['status']}")
                if run["status"] in ("failed", "cancelled"):
                    raise LoopError(f"Run {run['id']} ({run['recipe']}) is {run['status']}: {run['error']}")
            finished = all(run["status"] == "succeeded" for run in runs)
            return runs if finished and (count is None or len(runs) >= count) else []

        found: list[dict[str, Any]] = self._wait(ready, "training runs")
        return found

    def _versions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.web.get(f"/api/v1/versions?project={self.plan.project_id}")["results"]
        return found

    def _production(self) -> dict[str, Any]:
        return next(
            version for version in self._versions() if version["stage"] == "production" and version["kind"] == "policy"
        )

    def _start_refresh(self, config: dict[str, Any]) -> None:
        # Sent once although the call may be repeated: a second refresh while one is under way is a conflict.
        self.web.call("POST", "/api/v1/runs", {"project": self.plan.project_id, "config": config}, accept=(409,))

    def _sampling(self) -> dict[str, Any]:
        jobs = self.web.get(f"{self.project_path}/sample")["results"]
        if not jobs:
            raise LoopError("There is no sampling job.")
        job: dict[str, Any] = jobs[0]
        if job["status"] in ("failed", "cancelled"):
            raise LoopError(f"Sampling is {job['status']}: {job['error']}")
        return job

    def _figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = self.web.get(self.project_path)["figures"]
        return figures

    def _true_win_rate(self, run: dict[str, Any]) -> float | None:
        path = Path(settings.RUNS_DIR) / str(run["id"]) / "samples.jsonl"
        if not path.exists():
            return None
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        wins = [self.plan.preference.wins(row["policy"], row["parent"]) for row in rows]
        return sum(wins) / len(wins) if wins else None


def _say(figure: dict[str, Any]) -> str:
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f}, n={figure['n']})"


def _say_alpha(agreement: dict[str, Any]) -> str:
    alpha = agreement["alpha_nominal"]
    return f"alpha {_say(alpha)}" if alpha else "agreement not measurable yet"
