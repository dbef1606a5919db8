"""A real headless Chromium against a live server. Every page fails its test when a script of ours throws."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from accounts.models import Membership
from labeling import services
from labeling.models import Project

CHROMIUM = os.environ.get("ACCORD_CHROMIUM", "/usr/bin/chromium")
ARGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here drives a browser, and commits: the server is another thread."""
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.fspath).parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


# A module at a time: while Playwright is open, its event loop runs in this thread and asyncio.run refuses.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"No Chromium at {CHROMIUM}. Set ACCORD_CHROMIUM to one.")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def under_way() -> Iterator[set[int]]:
    """The threads of the live server that answer a request; at the end of a test there are to be none."""
    threads: set[int] = set()

    def begin(**_: object) -> None:
        threads.add(threading.get_ident())

    def end(**_: object) -> None:
        threads.discard(threading.get_ident())

    request_started.connect(begin)
    request_finished.connect(end)
    yield threads
    request_started.disconnect(begin)
    request_finished.disconnect(end)


@pytest.fixture
def open_page(browser, live_server, under_way) -> Iterator[Callable[..., Page]]:
    """`open_page(bob, "/projects/")`: a page of a signed-in member; None for a stranger."""
    contexts: list[BrowserContext] = []
    thrown: list[str] = []

    def visit(member: Membership | None, path: str, **options: object) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        if member is not None:
            client = Client()
            client.force_login(member.user)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME]
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.goto(path)
        return page

    yield visit
    for context in contexts:
        for page in context.pages:
            page.goto("about:blank")  # the desk says goodbye to the server as it leaves
        context.close()
    until = time.monotonic() + 10
    while under_way and time.monotonic() < until:
        time.sleep(0.02)
    assert thrown == []


def add_items(project: Project, by: Membership, number: int, *, start: int = 0, **answers: str) -> None:
    """Prompts with two responses each, and their items."""
    import json

    lines = []
    for index in range(start, start + number):
        texts = [answers.get("first", "Boil it for 3 minutes."), answers.get("second", "Ask somebody else.")]
        responses = [{"text": f"{text}\n\n({index})", "model": "gpt-secret-9"} for text in texts]
        lines.append(json.dumps({"prompt": f"How do I cook egg {index}?", "responses": responses}).encode())
    services.import_records(project=project, by=by, lines=lines)


@pytest.fixture
def items(project, alice) -> Project:
    """Alice's project with three items and guidelines."""
    services.update_project(project=project, by=alice, guidelines="# How to judge\n\nRight before short.")
    project.refresh_from_db()
    add_items(project, alice, 3)
    return project
