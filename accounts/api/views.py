"""Who am I, and my tokens."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.serializers import MeSerializer, NewTokenSerializer, TokenSerializer
from accounts.authentication import member_of
from accounts.models import ApiToken
from accounts.tokens import create_token, revoke_token


class MeView(APIView):
    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """The member behind the token or the session."""
        return Response(MeSerializer(member_of(request)).data)


class TokensView(APIView):
    @extend_schema(responses=TokenSerializer(many=True))
    def get(self, request: Request) -> Response:
        """One's own tokens that still work."""
        mine = ApiToken.objects.filter(membership=member_of(request), revoked_at=None)
        return Response(TokenSerializer(mine, many=True).data)

    @extend_schema(request=TokenSerializer, responses={201: NewTokenSerializer})
    def post(self, request: Request) -> Response:
        """Make a token, with no more scopes than one has; its text is in this answer alone."""
        given = TokenSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        token, text = create_token(by=member_of(request), **given.validated_data)
        return Response(TokenSerializer(token).data | {"token": text}, status=201)


class TokenView(APIView):
    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke one of one's own tokens."""
        member = member_of(request)
        token = get_object_or_404(ApiToken.objects.filter(membership=member), pk=token_id)
        revoke_token(token=token, by=member)
        return Response(status=204)
