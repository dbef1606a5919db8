"""What the OpenAPI schema says of signing in; drf-spectacular finds these by their being imported."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A token of the account page, with its scopes."""
        return {"type": "http", "scheme": "bearer", "description": "An API token, made on your account page: `acc_…`"}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.MemberSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A signed-in browser's cookie; changes need the CSRF token too."""
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}
