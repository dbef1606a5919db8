"""The Python client of Accord: `from accord import Client`. docs/client.md shows what it does."""

from accord.annotating import Skip
from accord.client import Client
from accord.errors import AccordError
from accord.progress import Progress
from accord.records import (
    Assignment,
    ImportReport,
    Judgement,
    Message,
    Project,
    Promotion,
    Run,
    Scores,
    ShownResponse,
    Snapshot,
    Version,
)
from accord.webhooks import WebhookEvent, verify_webhook

__all__ = [
    "AccordError",
    "Assignment",
    "Client",
    "ImportReport",
    "Judgement",
    "Message",
    "Progress",
    "Project",
    "Promotion",
    "Run",
    "Scores",
    "ShownResponse",
    "Skip",
    "Snapshot",
    "Version",
    "WebhookEvent",
    "verify_webhook",
]
