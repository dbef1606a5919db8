"""Signing in, one's own page, members and the audit trail."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from accounts.audit import record_event
from accounts.errors import Conflict
from accounts.members import add_member, change_role, deactivate_member, reset_password
from accounts.models import ApiToken, AuditEvent, Membership, SignInAttempt, User
from accounts.permissions import Role
from accounts.sign_in import ATTEMPTS
from accounts.tokens import create_token
from tests.cast import PASSWORD, make_member


def sign_in(client, email="alice@example.org", password=PASSWORD, **more):
    return client.post("/sign-in/", {"email": email, "password": password} | more)


def test_signing_in_by_e_mail_whatever_its_case_leads_to_the_page_that_was_asked_for(client, alice):
    asked = client.get("/members/")
    assert asked.url == "/sign-in/?next=/members/"
    assert sign_in(client, " ALICE@example.org", next="/members/").url == "/members/"


def test_signing_in_is_in_the_audit_trail_and_a_wrong_password_is_not(client, alice, charlie):
    sign_in(client, password="wrong")
    sign_in(client)
    events = AuditEvent.objects.filter(verb="signed in")
    assert [(event.actor, event.organisation) for event in events] == [(alice.user, alice.organisation)]


def test_signing_in_never_leads_to_another_site(client, alice):
    assert sign_in(client, next="https://outside.invalid/").url == "/"
    assert sign_in(client, next="//outside.invalid/").url == "/"


@pytest.mark.parametrize(("email", "password"), [("alice@example.org", "wrong"), ("nobody@example.org", PASSWORD)])
def test_a_wrong_password_and_an_unknown_e_mail_are_told_the_same(client, alice, email, password):
    answer = sign_in(client, email, password)
    assert answer.status_code == 422
    assert "do not belong together" in answer.content.decode()


def test_after_ten_failures_even_the_right_password_waits(client, alice, bob):
    for _ in range(ATTEMPTS):
        sign_in(client, password="wrong")
    assert "Wait 15 minutes and try again" in sign_in(client).content.decode()
    assert sign_in(client, "bob@example.org").status_code == 302


def test_failures_from_one_address_lock_nobody_out_at_another(client, alice):
    for _ in range(ATTEMPTS):
        sign_in(client, password="wrong")
    assert "(127.0.0.1)" in sign_in(client).content.decode()
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert sign_in(elsewhere).status_code == 302
    # Nor does the success there set the guesser free.
    assert "Too many attempts" in sign_in(client).content.decode()


def test_behind_a_proxy_of_ours_the_address_is_the_one_it_tells_and_not_one_that_the_caller_invents(alice, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1", "10.0.0.1"]
    guesser = Client(headers={"X-Forwarded-For": "192.0.2.99, 192.0.2.8, 10.0.0.1"})
    for _ in range(ATTEMPTS):
        sign_in(guesser, password="wrong")
    assert set(SignInAttempt.objects.values_list("address", flat=True)) == {"192.0.2.8"}
    assert sign_in(Client(headers={"X-Forwarded-For": "192.0.2.7"})).status_code == 302
    settings.TRUSTED_PROXIES = []
    sign_in(guesser, password="wrong")
    assert SignInAttempt.objects.filter(address="127.0.0.1").exists()


def test_failures_older_than_the_window_are_forgotten(client, alice, settings):
    for _ in range(ATTEMPTS):
        sign_in(client, password="wrong")
    SignInAttempt.objects.update(at="2020-01-01T00:00:00Z")
    assert sign_in(client).status_code == 302
    assert not SignInAttempt.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_guesses_sent_at_once_are_counted_each(alice):
    def guess(number):
        try:
            return sign_in(Client(), password=f"wrong {number}").content.decode()
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(guess, range(ATTEMPTS + 6)))
    assert sum("do not belong together" in page for page in pages) == ATTEMPTS


def test_a_one_time_password_leads_to_choosing_ones_own(client, alice):
    member, password = add_member(by=alice, email="New@Example.org", role=Role.ANNOTATOR)
    assert sign_in(client, "new@example.org", password).url == "/account/"
    answer = client.post("/account/password/", {"current": password, "new": "paper tiger moon 7"})
    assert answer.url == "/account/"
    assert client.get("/account/").status_code == 200
    member.user.refresh_from_db()
    assert not member.user.password_is_temporary


def test_a_password_that_is_easily_guessed_is_refused_beside_its_field(client, alice):
    client.force_login(alice.user)
    answer = client.post("/account/password/", {"current": "not it", "new": "password"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "This is not your current password." in page
    assert "too common" in page


def test_a_token_is_shown_once_and_acts_until_it_is_revoked(client, alice):
    client.force_login(alice.user)
    page = client.post("/account/tokens/", {"token-name": "ci", "token-scopes": ["export"]}).content.decode()
    text = re.search(r"acc_[\w-]{40,}", page)[0]
    assert text not in client.get("/account/").content.decode()
    me = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {text}"})
    assert me.json()["permissions"] == ["export"]
    client.post(f"/account/tokens/{ApiToken.objects.get().pk}/revoke/")
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_nobody_revokes_the_token_of_somebody_else_from_their_account_page(client, alice, bob):
    token, _ = create_token(by=alice, name="hers")
    client.force_login(bob.user)
    assert client.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404


def test_tokens_over_the_api(client, alice, bob):
    _, text = create_token(by=bob, name="first")
    api = {"headers": {"Authorization": f"Bearer {text}"}, "content_type": "application/json"}
    made = client.post("/api/v1/tokens", {"name": "second", "scopes": ["judge"]}, **api)
    assert made.status_code == 201
    assert made.json()["token"].startswith("acc_")
    assert client.post("/api/v1/tokens", {"name": "sly", "scopes": ["promote"]}, **api).status_code == 422
    listed = client.get("/api/v1/tokens", **api).json()
    assert {row["name"] for row in listed} == {"first", "second"}
    assert not any("token" in row for row in listed)
    assert client.delete(f"/api/v1/tokens/{made.json()['id']}", **api).status_code == 204
    hers, _ = create_token(by=alice, name="hers")
    assert client.delete(f"/api/v1/tokens/{hers.pk}", **api).status_code == 404


def test_the_password_of_a_new_member_is_shown_once(client, alice):
    client.force_login(alice.user)
    page = client.post("/members/", {"email": "new@example.org", "name": "New", "role": "annotator"}).content.decode()
    password = re.search(r"[a-z2-9]{4}(-[a-z2-9]{4}){3}", page)[0]
    assert password not in client.get("/members/").content.decode()
    assert sign_in(Client(), "new@example.org", password).status_code == 302


def test_adding_somebody_twice_is_told_on_the_form(client, alice, bob):
    client.force_login(alice.user)
    answer = client.post("/members/", {"email": "BOB@example.org", "role": "viewer"})
    assert answer.status_code == 422
    assert "is a member already" in answer.content.decode()


def test_somebody_of_another_organisation_keeps_their_password(alice, charlie):
    _, password = add_member(by=alice, email=charlie.user.email, role=Role.VIEWER)
    assert password == ""
    theirs = Membership.objects.get(organisation=alice.organisation, user=charlie.user)
    with pytest.raises(Conflict, match="another organisation"):
        reset_password(member=theirs, by=alice)


def test_the_last_administrator_stays_one(client, alice, bob):
    client.force_login(alice.user)
    assert client.post(f"/members/{alice.pk}/role/", {"role": "viewer"}).status_code == 409
    assert client.post(f"/members/{alice.pk}/deactivate/").status_code == 409
    change_role(member=bob, by=alice, role=Role.ADMINISTRATOR)
    assert client.post(f"/members/{alice.pk}/role/", {"role": "viewer"}).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_two_administrators_who_remove_each_other_at_once_do_not_both_succeed(alice):
    dora = make_member(alice.organisation, "dora@example.org", Role.ADMINISTRATOR)

    def remove(pair):
        try:
            deactivate_member(member=pair[1], by=pair[0])
        except Conflict as refused:
            return refused
        finally:
            connection.close()
        return None

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(remove, [(alice, dora), (dora, alice)]))
    assert results.count(None) == 1
    assert Membership.objects.filter(role=Role.ADMINISTRATOR, is_active=True).count() == 1


def test_a_deactivated_member_loses_pages_and_comes_back_when_added_again(client, alice, bob):
    client.force_login(bob.user)
    deactivate_member(member=bob, by=alice)
    assert client.get("/projects/").status_code == 403
    add_member(by=alice, email=bob.user.email, role=Role.REVIEWER)
    assert client.get("/projects/").status_code == 200


@pytest.mark.parametrize("path", ["/members/", "/audit/"])
def test_an_annotator_sees_neither_members_nor_the_audit_trail(client, bob, path):
    client.force_login(bob.user)
    answer = client.get(path)
    assert answer.status_code == 403
    assert "Your role does not allow you" in answer.content.decode()


def test_a_member_of_another_organisation_is_not_found(client, alice, charlie):
    client.force_login(alice.user)
    for act in ("role", "deactivate", "password"):
        assert client.post(f"/members/{charlie.pk}/{act}/", {"role": "viewer"}).status_code == 404


def test_the_audit_trail_is_paged_filtered_and_of_one_organisation(client, alice, charlie):
    for member in (alice, charlie):
        AuditEvent.objects.bulk_create(
            AuditEvent(organisation=member.organisation, actor=member.user, verb=f"tested {n % 2}", detail={"items": n})
            for n in range(120)
        )
    client.force_login(alice.user)
    seen, path = 0, "/audit/?verb=tested 1"
    while path:
        page = client.get(path).content.decode()
        seen += page.count('<th scope="row">tested 1</th>')
        assert "Charlie" not in page
        older = re.search(r'href="(\?verb=tested 1&amp;before=\d+)"', page)
        path = "/audit/" + older[1].replace("&amp;", "&") if older else ""
    assert seen == 60


def test_switching_the_organisation_changes_what_is_seen(client, alice, charlie):
    second = Membership.objects.create(organisation=charlie.organisation, user=alice.user, role=Role.VIEWER)
    client.force_login(alice.user)
    client.post("/organisation/", {"organisation": second.organisation_id})
    assert client.get("/members/").status_code == 403
    outsider = User.objects.create_user("eve@example.org", PASSWORD)
    client.force_login(outsider)
    assert client.post("/organisation/", {"organisation": second.organisation_id}).status_code == 404


def test_a_tokens_scopes_are_told_in_words(client, alice):
    create_token(by=alice, name="ci", scopes=["export", "use_endpoint"])
    client.force_login(alice.user)
    page = client.get("/account/").content.decode()
    assert "2 things" in page
    assert "Export judgements (export)" in page
    assert "call the endpoint" in page


def test_the_audit_trail_tells_in_words_and_with_links(client, alice, project):
    create_token(by=alice, name="ci", scopes=["use_endpoint", "export"])
    record_event("project changed", by=alice, subject=project, name="Answers", canary_share=None, changed=["a", "b"])
    record_event("version promoted", by=alice, subject=project, canary_share=0.25, guidelines_changed=True)
    client.force_login(alice.user)
    page = " ".join(client.get("/audit/").content.decode().split())
    assert "Token ci" in page
    assert "export, use endpoint" in page
    assert f'Project <a href="/projects/{project.pk}/">Answers</a>' in page
    assert "25 %" in page
    assert "guidelines changed</span> yes" in page
    for internal in ("None", "[", "apitoken"):
        assert internal not in page.partition("<tbody>")[2].partition("</tbody>")[0]
