"""`manage.py loop`: the whole loop against the running application, with simulated annotators and users."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo.people import read_demo_file
from config.loop.client import LoopError
from config.loop.journey import Journey, Plan
from config.loop.preference import PREFERENCES
from config.loop.report import Report


class Command(BaseCommand):
    help = "Sample, judge, train, evaluate, gate, promote, serve and feed back once; print what each stage did."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", type=int, help="default: the demo's")
        parser.add_argument("--judgements", type=int, default=200, help="at least so many before training")
        parser.add_argument("--annotators", type=int, default=3, help="simulated ones")
        parser.add_argument("--requests", type=int, default=20, help="simulated users of the endpoint")
        parser.add_argument("--preference", choices=sorted(PREFERENCES), default="brief")
        parser.add_argument("--config", type=json.loads, help='settings of the refresh, as {"grpo": {"steps": 20}}')
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--patience", type=float, default=1500, help="seconds to wait for any one stage")
        parser.add_argument("--out", type=Path, help="the report as JSON; default: loop.json in the data directory")

    def handle(self, *args: Any, **options: Any) -> None:
        """Travel once; the table is printed in any case."""
        project_id = options["project"] or read_demo_file().get("project_id")
        if project_id is None:
            raise CommandError("There is no demo project here. Start the application first, or name a --project.")
        preference = PREFERENCES[options["preference"]]
        report = Report(self.stdout)  # type: ignore[arg-type]
        report.say(
            f"The annotators and the users of this loop are SIMULATED. Their hidden preference: {preference.sentence}"
        )
        lines = (Path(settings.DEMO_DIR) / "feedback_prompts.ndjson").read_text().splitlines()
        plan = Plan(
            project_id=project_id,
            preference=preference,
            judgements=options["judgements"],
            annotators=options["annotators"],
            requests=[json.loads(line)["prompt"] for line in lines][: options["requests"]],
            config=options["config"],
            seed=options["seed"],
            patience_seconds=options["patience"],
        )
        try:
            Journey(plan, report).travel()
        except LoopError as problem:
            raise CommandError(str(problem)) from problem
        finally:
            self.stdout.write("\n" + report.table())
            report.save(options["out"] or Path(settings.DATA_DIR) / "loop.json")
