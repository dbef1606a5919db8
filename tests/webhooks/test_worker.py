"""From the commit to the receiver, by the broker and a real worker."""

import os
import subprocess
import sys
import time

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.db import connection

from config.celery import app
from tests.engine_fixture import ROOT
from tests.webhooks.making import tell
from webhooks.models import WebhookDelivery

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(tmp_path):
    """Celery on the tests' database and broker, without beat: only the hint can wake it."""
    current_app.control.purge()
    server, _, query = os.environ["DATABASE_URL"].partition("?")
    database = f"{server.rpartition('/')[0]}/{connection.settings_dict['NAME']}" + (f"?{query}" if query else "")
    environment = os.environ | {
        "DATABASE_URL": database, "ACCORD_DATA_DIR": str(tmp_path), "SECRET_KEY": django_settings.SECRET_KEY,
        "WEBHOOKS_ALLOW_PRIVATE": "1",
    }  # fmt: skip
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", "default", "--pool", "solo"]
    log_path = tmp_path / "log.txt"
    with (
        log_path.open("w") as log,
        subprocess.Popen(
            [*command, "--loglevel", "INFO"], cwd=ROOT, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            wait_for(lambda: " ready." in log_path.read_text(), log_path)
            yield log_path
        finally:
            process.terminate()
            process.wait(20)


def wait_for(ask, log_path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < deadline, log_path.read_text()[-3000:]
        time.sleep(0.1)


def test_an_event_is_delivered_when_its_transaction_commits(alice, webhook, receiver, worker):
    tell(alice, judgement=5)
    wait_for(lambda: WebhookDelivery.objects.delivered().exists(), worker)
    assert [call.json["data"] for call in receiver.calls] == [{"judgement": 5}]


def test_beat_names_tasks_that_there_are():
    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
