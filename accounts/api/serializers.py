"""What the API shows of members and tokens."""

from typing import Any

from rest_framework import serializers

from accounts.models import ApiToken, Membership
from accounts.permissions import GRANTS, can


class MeSerializer(serializers.ModelSerializer[Membership]):
    """Who a request acts for, and what that member may do with these credentials."""

    email = serializers.EmailField(source="user.email")
    name = serializers.CharField(source="user.display_name")
    organisation = serializers.CharField(source="organisation.name")
    permissions = serializers.SerializerMethodField()

    class Meta:
        model = Membership
        fields = ["email", "name", "organisation", "role", "permissions"]

    def get_permissions(self, member: Membership) -> list[str]:
        return sorted(permission for permission in GRANTS[member.role] if can(member, permission))


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token without its text, which is nowhere."""

    class Meta:
        model = ApiToken
        fields = ["id", "name", "prefix", "scopes", "created_at", "last_used_at"]
        read_only_fields = ["id", "prefix", "created_at", "last_used_at"]
        extra_kwargs: dict[str, dict[str, Any]] = {"scopes": {"required": False}}


class NewTokenSerializer(TokenSerializer):
    """The answer to making one: the only place where `token` is shown."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]
