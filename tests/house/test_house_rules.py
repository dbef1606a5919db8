"""The rules of the house that a program can check."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "webhooks", "labeling", "models_registry", "training", "serving", "config")


def _sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path, ast.parse(path.read_text(), str(path))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_a_task_is_named_so_and_has_both_time_limits():
    wrong = []
    for path, tree in _sources(*APPS):
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for decorator in function.decorator_list:
                if _name(decorator.func if isinstance(decorator, ast.Call) else decorator) != "shared_task":
                    continue
                limits = {k.arg for k in decorator.keywords} if isinstance(decorator, ast.Call) else set()
                if not function.name.endswith("_task") or not {"soft_time_limit", "time_limit"} <= limits:
                    wrong.append(f"{path.relative_to(ROOT)}:{function.lineno} {function.name}")
    assert not wrong


def test_tasks_are_enqueued_on_commit_alone():
    wrong = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path, tree in _sources(*APPS)
        for call in _calls(tree)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in {"delay", "apply_async"}
        and _name(call.func.value).endswith("_task")
    ]
    assert not wrong


def test_nothing_is_caught_blindly():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in _sources(*APPS, "training/recipes", "supervisor")
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not wrong


def test_views_catch_nothing():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, tree in _sources(*APPS)
        if path.name == "views.py" or "views" in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.Try)
    ]
    assert not wrong


def test_every_relation_names_its_other_side():
    wrong = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_models()
        if model._meta.app_label in APPS
        for field in model._meta.get_fields()
        if getattr(field, "remote_field", None) and field.concrete and not field.remote_field.related_name
    ]
    assert not wrong


def test_every_tenants_model_has_a_queryset_for_the_member():
    # No tenant's rows: people may belong to several, and sign in before anybody knows to which.
    apart = {"Organisation", "User", "SignInAttempt", "ItemResponse", "QueueCursor"}
    wrong = [
        model.__name__
        for model in apps.get_models()
        if model._meta.app_label in APPS
        and model.__name__ not in apart
        and not hasattr(model.objects.all(), "for_member")
    ]
    assert not wrong


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def _patterns(entries: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for entry in entries:
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns)
        else:
            yield entry


def test_every_page_has_a_name():
    unnamed = [str(entry.pattern) for entry in _patterns(get_resolver().url_patterns) if entry.name is None]
    assert set(unnamed) <= {"healthz"}


def test_no_template_reaches_another_host_or_carries_inline_script_or_style():
    wrong = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = path.read_text()
        for forbidden in (' style="', "<style", "onclick=", "onload=", 'src="http', 'href="http', "|safe"):
            if forbidden in text:
                wrong.append(f"{path.relative_to(ROOT)}: {forbidden}")
        if "<script>" in text:
            wrong.append(f"{path.relative_to(ROOT)}: inline script")
    assert not wrong


def test_what_was_frozen_of_the_dependencies_is_what_the_project_asks_for():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    frozen = {line.strip().lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()}
    for requirement in asked:
        name, _, version = requirement.partition("==")
        assert f"{name.split('[')[0]}=={version}".lower().replace("_", "-") in frozen, requirement


def test_no_file_of_ours_is_a_room_without_walls():
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    long = [
        f"{name}: {lines}"
        for name in tracked.splitlines()
        if "migrations" not in name and (ROOT / name).exists()
        for lines in [len((ROOT / name).read_text().splitlines())]
        if lines > 400
    ]
    assert not long
