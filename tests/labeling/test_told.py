"""What reviewers are told: changes word by word, axes in the order in which they are asked, imported verdicts."""

import json
from uuid import uuid4

import pytest

from labeling import services
from labeling.kinds.correction.edits import word_changes
from labeling.services.file_imports import accept_upload, run_file_import
from tests.cast import make_member

pytestmark = pytest.mark.django_db


def undo(parts, kind):
    return "".join(text for each, text in parts if each in ("same", kind))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Boil it for ten minutes.", "Boil it for seven minutes."),
        ("One.", "Quite another answer."),
        ("", "Something."),
        ("Same words.", "Same words."),
        ("a b a b", "b a b a b"),
        ("x " * 300, "y " * 300),
    ],
)
def test_changes_hold_both_texts(before, after):
    parts = word_changes(before, after)
    assert undo(parts, "out") == before
    assert undo(parts, "in") == after


def test_what_stayed_the_same_is_cut_around_a_change():
    parts = word_changes("start " * 50 + "ten" + " end" * 50, "start " * 50 + "seven" + " end" * 50)
    assert [kind for kind, _ in parts] == ["same", "out", "in", "same"]
    assert parts[0][1].startswith("… ")
    assert parts[-1][1].endswith(" …")
    assert all(len(text) < 80 for _, text in parts)


def judge_all(project, by, said):
    assignment = services.lease_next(project=project, by=by)
    return services.submit_judgement(assignment=assignment, by=by, client_id=uuid4(), said=said)


def test_a_reviewer_reads_what_a_correction_changed(client, project, alice, bob, add_texts):
    services.update_project(project=project, by=alice, design={"kind": "correction"})
    project.refresh_from_db()
    add_texts(project, alice)
    services.make_items(project=project, by=alice, items_per_prompt=1)
    stored = judge_all(project, bob, {"text": "<b>Never</b>."})
    client.force_login(alice.user)
    page = client.get(f"/projects/{project.pk}/judgements/").content.decode()
    assert "<ins>&lt;" in page
    assert "<b>Never" not in page
    first = stored.response.text.split()[0]
    assert f"<del>{first}" in page


def test_axes_are_told_in_the_order_in_which_they_are_asked(project, alice, bob, add_texts):
    words = ["Was it safe to say", "Short", "Right"]
    axes = [{"name": name, "word": word} for name, word in zip(["safety_of_it", "short", "a"], words, strict=True)]
    services.update_project(project=project, by=alice, design={"kind": "rating", "rating": {"axes": axes}})
    project.refresh_from_db()
    add_texts(project, alice)
    services.make_items(project=project, by=alice)
    judge_all(project, bob, {"scores": {"a": 1, "short": 2, "safety_of_it": 3}})
    (said,) = services.latest_judgements(project=project, by=alice, before=None)
    assert [asked for asked, _ in said.said] == words


def test_verdicts_that_came_with_a_file_stand_on_the_prompts_page(client, project, alice):
    line = json.dumps({"prompt": "How long?", "chosen": "Seven minutes.", "rejected": "For ever."}).encode()
    run_file_import(accept_upload(project=project, by=alice, name="kept.jsonl", chunks=[line]).pk)
    prompt = project.prompts.get()
    assert prompt.imported_verdicts.count() == 1
    page = f"/projects/{project.pk}/prompts/{prompt.pk}/"
    client.force_login(alice.user)
    shown = client.get(page).content.decode()
    assert "What files said: 1" in shown
    assert "is better than Response" in shown
    looks = make_member(project.organisation, "looks@example.org", "viewer")
    client.force_login(looks.user)
    assert "What files said" not in client.get(page).content.decode()


def test_a_project_of_ratings_is_told_that_ratings_count(client, project, alice):
    services.update_project(project=project, by=alice, design={"kind": "rating"})
    client.force_login(alice.user)
    told = client.get(f"/projects/{project.pk}/runs/summary").content.decode()
    assert "prefer one answer or rate one" in told
    assert "there are 0. Judge 20 more and start again" in told
