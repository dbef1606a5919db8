import pytest
from django.db import DatabaseError, transaction

from accounts.audit import record_event
from accounts.errors import Conflict, Invalid, NotPermitted
from accounts.models import ApiToken, AuditEvent, Membership
from accounts.permissions import GRANTS, Permission, Role, can, check_can
from accounts.tokens import create_token, find_member, revoke_token


def test_every_role_has_grants_and_a_description():
    assert set(GRANTS) == set(Role)
    assert all(role.description for role in Role)


def test_an_annotator_may_judge_and_not_export(bob):
    assert can(bob, Permission.JUDGE)
    with pytest.raises(NotPermitted, match="export judgements"):
        check_can(bob, Permission.EXPORT)


def test_another_organisations_members_tokens_and_audit_are_not_returned(alice, charlie):
    create_token(by=charlie, name="his")
    for model in (Membership, ApiToken, AuditEvent):
        assert model.objects.for_member(charlie).exists()
        assert not model.objects.for_member(alice).filter(pk__in=model.objects.for_member(charlie)).exists()


def test_a_token_is_stored_as_its_hash_and_acts_within_its_scopes(alice):
    token, text = create_token(by=alice, name="ci", scopes=["export"])
    assert text not in str(ApiToken.objects.filter(pk=token.pk).values_list())
    member = find_member(text)
    assert member == alice
    assert can(member, Permission.EXPORT)
    assert not can(member, Permission.JUDGE)


def test_a_token_cannot_be_given_scopes_that_its_owner_lacks(bob):
    with pytest.raises(Invalid, match="promote"):
        create_token(by=bob, name="sly", scopes=["judge", "promote"])


def test_a_revoked_token_finds_nobody_and_is_revoked_once(alice):
    token, text = create_token(by=alice, name="ci")
    revoke_token(token=token, by=alice)
    assert find_member(text) is None
    with pytest.raises(Conflict):
        revoke_token(token=token, by=alice)


def test_a_token_of_a_member_who_left_finds_nobody(alice):
    _, text = create_token(by=alice, name="ci")
    Membership.objects.filter(pk=alice.pk).update(is_active=False)
    assert find_member(text) is None


@pytest.mark.parametrize("change", [lambda rows: rows.update(verb="else"), lambda rows: rows.delete()])
def test_the_database_itself_keeps_the_audit_trail(alice, change):
    event = record_event("tested", by=alice)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        change(AuditEvent.objects.filter(pk=event.pk))
