"""The manager's pages: setting up, what is asked, the queue, reports, people, and who may see and do what."""

import json
import re
from datetime import timedelta
from uuid import uuid4

import pytest

from accounts.models import AuditEvent
from accounts.permissions import Role
from labeling import services
from labeling.kinds.design import design_of
from labeling.models import Assignment, BulkAction, Item, Project, Report
from labeling.setups import SETUPS
from tests.cast import make_member

PAGES = {
    "edit/asked/": {Role.MANAGER, Role.ENGINEER},
    "items/": {Role.MANAGER, Role.ENGINEER, Role.REVIEWER, Role.VIEWER},
    "items/make/": {Role.MANAGER, Role.ENGINEER},
    "judgements/": {Role.MANAGER, Role.REVIEWER},
    "reports/": {Role.MANAGER, Role.REVIEWER},
    "annotators/": {Role.MANAGER, Role.ENGINEER},
}


@pytest.fixture
def filled(project, alice):
    lines = [
        json.dumps({"prompt": f"Question {n}", "responses": [{"text": f"Yes, {n}."}, {"text": f"No, {n}."}]}).encode()
        for n in range(4)
    ]
    services.import_records(project=project, by=alice, lines=lines)
    return project


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMINISTRATOR])
def test_each_role_sees_its_pages_and_no_others(client, filled, page, role):
    client.force_login(make_member(filled.organisation, "x@example.org", role).user)
    wanted = 200 if role in PAGES[page] else 403
    assert client.get(f"/projects/{filled.pk}/{page}").status_code == wanted


def test_of_another_organisation_nothing_is_found(client, filled, charlie, alice, bob):
    item, held = Item.objects.first(), services.lease_next(project=filled, by=bob)
    report = services.report_item(assignment=held, by=bob, note="?")
    action = services.act_on_items(project=filled, by=alice, order=services.Order("withdraw", ids=[item.pk]))
    own = services.create_project(by=charlie, name="Mine")
    client.force_login(charlie.user)
    for project in (filled, own):
        for path in (f"items/{item.pk}/", f"items/{item.pk}/preview/"):
            assert client.get(f"/projects/{project.pk}/{path}").status_code == 404, path
        for path in (f"reports/{report.pk}/", f"annotators/{bob.pk}/", f"items/undo/{action.pk}/"):
            assert client.post(f"/projects/{project.pk}/{path}").status_code == 404, path
    assert client.post(f"/projects/{filled.pk}/items/act/", {"act": "withdraw", "item": item.pk}).status_code == 404
    client.post(f"/projects/{own.pk}/items/act/", {"act": "priority", "priority": "77", "item": item.pk})
    assert not Item.objects.filter(priority=77).exists()


@pytest.mark.parametrize("role", [Role.ANNOTATOR, Role.REVIEWER, Role.VIEWER])
def test_who_does_not_manage_posts_nothing(client, filled, alice, bob, role):
    report = services.report_item(assignment=services.lease_next(project=filled, by=bob), by=bob, note="?")
    client.force_login(make_member(filled.organisation, "x@example.org", role).user)
    base = f"/projects/{filled.pk}/"
    for path in ("items/act/", "items/make/", f"reports/{report.pk}/", f"annotators/{bob.pk}/", "edit/asked/"):
        assert client.post(base + path, {"act": "withdraw", "scope": "all"}).status_code == 403, path
    assert client.get("/projects/new/helpfulness/").status_code == 403
    assert "Do it" not in client.get(base + "items/").content.decode()


@pytest.mark.parametrize("setup", SETUPS)
def test_a_project_of_each_sort_needs_a_name_and_has_the_rest(client, alice, setup):
    client.force_login(alice.user)
    assert SETUPS[setup].word in client.get("/projects/new/").content.decode()
    page = client.get(f"/projects/new/{setup}/").content.decode()
    assert SETUPS[setup].guidelines.splitlines()[0] in page
    chosen = SETUPS[setup]
    made = client.post(
        f"/projects/new/{setup}/", {"name": "New", "guidelines": chosen.guidelines, "overlap": chosen.overlap}
    )
    project = Project.objects.get()
    assert made.url == f"/projects/{project.pk}/import/"
    assert design_of(project).kind == chosen.design["kind"]
    answers = [{"text": f"{n}" * 30} for n in range(4)]
    line = json.dumps({"prompt": "Q?", "responses": answers}).encode()
    assert services.import_records(project=project, by=alice, lines=[line]).items_made >= 1
    item = Item.objects.first()
    assert item.kind == chosen.design["kind"]
    preview = client.get(f"/projects/{project.pk}/items/{item.pk}/preview/").content.decode()
    assert "inert" in preview


def test_an_unknown_sort_is_not_found_and_a_name_is_asked_for(client, alice):
    client.force_login(alice.user)
    assert client.get("/projects/new/poems/").status_code == 404
    refused = client.post("/projects/new/hhh/", {"guidelines": "Mine", "overlap": 2})
    assert refused.status_code == 422
    assert "Mine" in refused.content.decode()
    assert not Project.objects.exists()


def form_of(client, project):
    """What the page on what is asked would send."""
    page = client.get(f"/projects/{project.pk}/edit/asked/").content.decode()
    sent = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name, kind = re.search(r'name="([^"]+)"', tag), re.search(r'type="([^"]+)"', tag)
        if not name or (kind and kind[1] in ("checkbox", "radio") and "checked" not in tag):
            continue
        value = re.search(r'value="([^"]*)"', tag)
        sent[name[1]] = value[1] if value else "on"
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        sent[name] = re.search(r'value="([^"]*)" selected', body)[1]
    for name, body in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', page, re.DOTALL):
        sent[name] = body
    sent.pop("csrfmiddlewaretoken", None)
    return sent


def test_what_is_asked_comes_back_as_it_was(client, project, alice):
    services.update_project(project=project, by=alice, design=SETUPS["safety"].design)
    client.force_login(alice.user)
    before = design_of(Project.objects.get()).as_json()
    assert client.post(f"/projects/{project.pk}/edit/asked/", form_of(client, project)).status_code == 302
    assert design_of(Project.objects.get()).as_json() == before


def test_axes_and_flags_are_added_and_removed_without_a_script_and_nothing_typed_is_lost(client, project, alice):
    client.force_login(alice.user)
    path, sent = f"/projects/{project.pk}/edit/asked/", form_of(client, project)
    page = client.post(path, sent | {"rows": "add comparison_axis", "hint": "Be brief"}).content.decode()
    assert 'name="comparison_axis-0-word"' in page
    assert "Be brief" in page
    assert design_of(Project.objects.get()).kinds["comparison"]["axes"] == [], "not kept yet"
    rows = {"comparison_axis-0-name": "", "comparison_axis-0-word": "Honest?", "comparison_axis-0-about": "Is it true?"}
    rows |= {"comparison_axis-3-name": "", "comparison_axis-3-word": "Honest"}
    rows |= {"flag-0-word": "Zu salzig", "flag-0-name": ""}
    page = client.post(path, sent | rows | {"rows": "remove comparison_axis 1"}).content.decode()
    assert "Honest?" in page
    assert 'name="comparison_axis-1-word"' not in page
    rows |= {"comparison_axis-4-name": "", "comparison_axis-4-word": "Overall"}
    client.post(path, sent | rows | {"kind": "rating", "reason": "required"})
    design = design_of(Project.objects.get())
    assert [axis["name"] for axis in design.kinds["comparison"]["axes"]] == ["honest", "honest_2", "overall_2"]
    assert (design.kind, design.reason, design.flags["zu_salzig"]) == ("rating", "required", "Zu salzig")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": "poem"}, "not a valid choice"),
        ({"rating_axis-0-word": "x" * 61, "rating_axis-0-name": "q"}, "no more than 60"),
        ({"rating_axis-0-low": "5", "rating_axis-0-high": "1"}, "above its beginning"),
        ({"rating_axis-0-low": "few"}, "valid number"),
        ({"rating_axis-0-labels": "bad\ngood"}, "Give 5 words"),
        ({"rating_axis-0-name": "overall"}, "so the verdict as a whole is called"),
    ],
)
def test_what_cannot_be_asked_is_told_and_stays_on_the_page(client, project, alice, change, told):
    client.force_login(alice.user)
    before = design_of(project).as_json()
    answer = client.post(f"/projects/{project.pk}/edit/asked/", form_of(client, project) | change)
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert design_of(Project.objects.get()).as_json() == before


def test_a_change_of_axes_after_judgements_is_warned_of(client, filled, alice, bob):
    held = services.lease_next(project=filled, by=bob)
    services.submit_comparison(assignment=held, by=bob, client_id=uuid4(), choice="tie")
    client.force_login(alice.user)
    sent = form_of(client, filled) | {"comparison_axis-0-name": "", "comparison_axis-0-word": "Honest"}
    page = client.post(f"/projects/{filled.pk}/edit/asked/", sent, follow=True).content.decode()
    assert "keep the scale and axes" in page


def test_an_overlap_larger_than_the_people_is_said_at_once_and_on_the_projects_page(client, filled, alice, bob):
    client.force_login(alice.user)
    fields = {"name": "A", "overlap": 5, "lease_minutes": 15, "held_out_percent": 20, "selection_policy": "random"}
    page = client.post(f"/projects/{filled.pk}/edit/", fields, follow=True).content.decode()
    assert "for 5 different people, and only 2 may judge here" in page
    services.update_project(project=filled, by=alice, overlap=1, requires=["language:de"])
    assert "Nobody is given items here" in client.get(f"/projects/{filled.pk}/").content.decode()
    services.set_tags(member=bob, by=alice, tags=["language:de"])
    assert "Mind:" not in client.get(f"/projects/{filled.pk}/").content.decode()
    services.update_project(project=filled, by=alice, extra_overlap_percent=10)
    assert "10 of 100 items ask for 2" in client.get(f"/projects/{filled.pk}/").content.decode()
    services.update_project(project=filled, by=alice, extra_overlap_percent=0, design={"kind": "rating"})
    page = client.get(f"/projects/{filled.pk}/").content.decode()
    assert "4 comparisons made before are still open" in page
    assert "names no axes" in page


def test_every_setting_of_the_form_is_kept(client, project, alice):
    client.force_login(alice.user)
    fields = {
        "name": "A", "overlap": 2, "lease_minutes": 20, "held_out_percent": 10, "selection_policy": "length_balanced",
        "extra_overlap_percent": 7, "undo_minutes": 0, "requires": "language:de, Skill:Python", "cap_per_person": 50,
        "cap_per_day": 5, "retrain_after": 100, "refit_after": 30,
    }  # fmt: skip
    assert client.post(f"/projects/{project.pk}/edit/", fields | {"random_share": 12}).status_code == 302
    project.refresh_from_db()
    assert {name: getattr(project, name) for name in fields} == fields | {"requires": ["language:de", "skill:python"]}
    assert project.random_share == 0.12
    assert 'value="12"' in client.get(f"/projects/{project.pk}/edit/").content.decode()
    refused = client.post(f"/projects/{project.pk}/edit/", fields | {"random_share": 30})
    assert (refused.status_code, "from 10 to 20" in refused.content.decode()) == (422, True)
    assert 'value="language:de, skill:python"' in client.get(f"/projects/{project.pk}/edit/").content.decode()
    wrong = client.post(f"/projects/{project.pk}/edit/", fields | {"requires": "german"})
    assert wrong.status_code == 422
    assert "language:de" in wrong.content.decode()


def test_items_are_counted_before_they_are_made(client, project, alice):
    answers = [{"text": f"Answer {n}", "model": f"m{n % 2}"} for n in range(4)]
    lines = [json.dumps({"prompt": f"Q{n}", "responses": answers}).encode() for n in range(3)]
    services.import_records(project=project, by=alice, lines=lines, make_items=False)
    client.force_login(alice.user)
    path = f"/projects/{project.pk}/items/make/"
    rules = {"kind": "comparison", "policy": "random", "items_per_prompt": 4, "responses_per_item": 4}
    assert "<strong>12</strong> items" in client.post(path, rules | {"count": "1"}).content.decode()
    assert not Item.objects.exists()
    assert "<strong>3</strong> items" in client.post(path, rules | {"count": "1", "models": ["m0"]}).content.decode()
    assert client.post(path, rules | {"make": "1"}).status_code == 302
    assert Item.objects.count() == 12
    assert "makes no items" in client.post(path, rules | {"make": "1"}).content.decode()
    assert client.post(path, rules | {"items_per_prompt": 99}).status_code == 422


def test_the_queue_says_who_has_what_and_what_is_done_to_it_can_be_undone(client, filled, alice, bob):
    held = services.lease_next(project=filled, by=bob)
    client.force_login(alice.user)
    path = f"/projects/{filled.pk}/items/"
    page = client.get(path + "?state=leased").content.decode()
    assert re.search(r"Bob has it since", page)
    assert "<strong>1</strong> item of this sort" in page
    sent = {"act": "reassign", "scope": "all", "filter_state": "leased", "person": alice.user_id, "back": path}
    assert client.post(path + "act/", sent).url == path
    page = client.get(path).content.decode()
    assert "Give to somebody else: 1 item" in page
    action = BulkAction.objects.get()
    client.post(path + f"undo/{action.pk}/", {"back": "https://example.org/"})
    held.refresh_from_db()
    assert held.state == "leased"
    assert "undone" in client.get(path).content.decode()
    assert client.post(path + f"undo/{action.pk}/").status_code == 409


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({}, "Choose what to do."),
        ({"act": "burn", "scope": "all"}, "Use one of release"),
        ({"act": "overlap", "scope": "all", "overlap": "x"}, "use a whole number"),
        ({"act": "reassign", "scope": "all"}, "Say who is to judge them."),
        ({"act": "withdraw"}, "Choose items, or the whole filter."),
        ({"act": "withdraw", "scope": "all", "filter_state": "x"}, "Use one of open"),
    ],
)
def test_an_act_that_is_none_changes_nothing_and_is_told_on_the_queue(client, filled, alice, sent, told):
    client.force_login(alice.user)
    page = client.post(f"/projects/{filled.pk}/items/act/", sent, follow=True).content.decode()
    assert "Nothing was changed." in page
    assert told in page
    assert not BulkAction.objects.exists()


def test_nobody_is_sent_to_another_host_after_an_act(client, filled, alice):
    client.force_login(alice.user)
    for back in ("https://example.org/", "//example.org/", "/projects/", "javascript:alert(1)"):
        sent = {"act": "priority", "scope": "all", "priority": "3", "back": back}
        assert client.post(f"/projects/{filled.pk}/items/act/", sent).url == f"/projects/{filled.pk}/items/"


@pytest.mark.parametrize("query", ["state=x", "kind=x", "person=x", "before=x"])
def test_a_queue_filtered_by_nonsense_is_told_or_begins_anew(client, filled, alice, query):
    client.force_login(alice.user)
    answer = client.get(f"/projects/{filled.pk}/items/?{query}")
    assert answer.status_code == (200 if query.startswith("before") else 422)


def test_a_report_is_answered_and_the_annotator_sees_the_answer_once_as_new(client, filled, alice, bob):
    services.report_item(assignment=services.lease_next(project=filled, by=bob), by=bob, note="It is cut <b>off</b>.")
    client.force_login(alice.user)
    path = f"/projects/{filled.pk}/reports/"
    assert "It is cut &lt;b&gt;off&lt;/b&gt;." in client.get(path).content.decode()
    report = Report.objects.get()
    client.post(path + f"{report.pk}/", {"answer": "Judge it as it is."})
    assert client.post(path + f"{report.pk}/", {"answer": "No."}).status_code == 409
    assert "Judge it as it is." in client.get(path + "?state=answered").content.decode()
    client.force_login(bob.user)
    assert "1 of your reports was answered" in client.get("/projects/").content.decode()
    assert "Judge it as it is." in client.get("/reports/").content.decode()
    assert "was answered" not in client.get("/projects/").content.decode()
    client.force_login(make_member(filled.organisation, "dora@example.org", Role.ANNOTATOR).user)
    assert "Judge it as it is." not in client.get("/reports/").content.decode()


def test_reviewers_read_what_was_said_in_words_and_others_do_not(client, filled, alice, bob):
    services.update_project(
        project=filled, by=alice, design={"comparison": {"axes": [{"name": "honest", "word": "Honest"}]}}
    )
    held = services.lease_next(project=filled, by=bob)
    said = {"choice": "a", "strength": 3, "axes": {"honest": {"choice": "tie"}}}
    stored = services.submit_judgement(
        assignment=held, by=bob, client_id=uuid4(), said=said, reason="<i>short</i>",
        flags=["rude", {"name": "false", "answer": "b", "start": 0, "end": 2}],
    )  # fmt: skip
    passage = stored.response_b.text[:2]
    prompt = f"/projects/{filled.pk}/prompts/{held.item.prompt_id}/"
    client.force_login(make_member(filled.organisation, "rita@example.org", Role.REVIEWER).user)
    for path in (prompt, f"/projects/{filled.pk}/items/{held.item_id}/", f"/projects/{filled.pk}/judgements/"):
        page = client.get(path).content.decode()
        assert re.search(r"Response [12] is much better than Response [12]", page), path
        assert "About equal" in page
        assert "&lt;i&gt;short&lt;/i&gt;" in page
        assert f'<q dir="auto">{passage}</q>' in page
        assert "taken back" not in page
    services.undo_last(project=filled, by=bob)
    assert "taken back" in client.get(prompt).content.decode()
    client.force_login(make_member(filled.organisation, "vera@example.org", Role.VIEWER).user)
    assert "much better" not in client.get(prompt).content.decode()
    assert "much better" not in client.get(f"/projects/{filled.pk}/items/{held.item_id}/").content.decode()


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("ranking", {"ranks": {"a": 2, "b": 1, "c": 2}}, r"Response \d, then Response \d and Response \d"),
        ("rating", {"scores": {"quality": 4}}, "4 of 5, Good"),
        ("correction", {"text": "Quite another."}, r"should be as Response 4: \d+% of the words changed"),
    ],
)
def test_every_kind_is_told_in_words(client, project, alice, bob, kind, said, told):
    line = {"prompt": "Q?", "responses": [{"text": "One."}, {"text": "Two."}, {"text": "Three."}]}
    services.import_records(project=project, by=alice, lines=[json.dumps(line).encode()], make_items=False)
    services.make_items(project=project, by=alice, kind=kind, responses_per_item=3)
    held = services.lease_next(project=project, by=bob)
    services.submit_judgement(assignment=held, by=bob, client_id=uuid4(), said=said)
    client.force_login(alice.user)
    assert re.search(told, client.get(f"/projects/{project.pk}/judgements/").content.decode())


def test_the_people_of_a_project_are_counted_tagged_and_paused(client, filled, alice, bob):
    services.update_project(project=filled, by=alice, cap_per_day=1)
    sim = make_member(filled.organisation, "sim@example.org", Role.ANNOTATOR, simulated=True)
    held = services.lease_next(project=filled, by=bob)
    Assignment.objects.update(first_leased_at=held.leased_at - timedelta(minutes=1))
    services.submit_comparison(assignment=held, by=bob, client_id=uuid4(), choice="tie", active_ms=4000)
    client.force_login(alice.user)
    path = f"/projects/{filled.pk}/annotators/"
    page = client.get(path).content.decode()
    for word in ("Sim (simulated)", "done for today", "4 s"):
        assert word in page
    client.post(f"{path}{bob.pk}/", {"tags": "language:de, skill:x"})
    assert services.profile_of(bob).tags == ["language:de", "skill:x"]
    assert client.post(f"{path}{bob.pk}/", {"tags": "nonsense"}).status_code == 422
    client.post(f"{path}{sim.pk}/", {"pause": "1"})
    assert services.profile_of(sim).paused_at
    client.post(f"{path}{sim.pk}/", {"pause": "0"})
    assert not services.profile_of(sim).paused_at


def test_frozen_files_are_taken_along_by_who_may_export_and_it_is_told(client, filled, alice, bob):
    held = services.lease_next(project=filled, by=bob)
    services.submit_comparison(assignment=held, by=bob, client_id=uuid4(), choice="tie")
    snapshot = services.freeze_snapshot(project=filled, by=alice)
    path = f"/projects/{filled.pk}/snapshots/{snapshot.pk}/"
    client.force_login(alice.user)
    assert f"{path}files/train.jsonl" in client.get(path).content.decode()
    for name in ("train.jsonl", "held_out.jsonl", "manifest.json"):
        answer = client.get(f"{path}files/{name}")
        assert b"".join(answer.streaming_content) == (snapshot.directory / name).read_bytes()
    assert AuditEvent.objects.filter(verb="snapshot downloaded").count() == 3
    assert client.get(f"{path}files/secret_key").status_code == 404
    assert client.get(f"{path}files/..%2F..%2Fsecret_key").status_code == 404
    (snapshot.directory / "train.jsonl").unlink()
    assert "not in the data directory" in client.get(f"{path}files/train.jsonl").content.decode()
    client.force_login(make_member(filled.organisation, "vera@example.org", Role.VIEWER).user)
    assert client.get(f"{path}files/manifest.json").status_code == 403
    assert "files/train.jsonl" not in client.get(path).content.decode()
