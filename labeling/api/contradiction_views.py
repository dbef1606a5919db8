"""Where the reward model contradicts the annotators, over the API."""

from typing import Any

from django.core.paginator import Paginator
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.pages import page_of_rows
from accounts.authentication import member_of
from accounts.permissions import Permission
from accounts.strict import StrictSerializer
from labeling import services
from labeling.api.manager_serializers import PersonSerializer
from labeling.api.project_views import project_of
from labeling.services.bulk_actions import MAX_SELECTED
from labeling.services.contradictions import contradictions_of, with_what_was_said

SIZE = 100


class ContradictionSerializer(serializers.Serializer[Any]):
    judgement = serializers.IntegerField(source="found.judgement_id")
    item = serializers.IntegerField(source="found.item_id")
    prompt = serializers.IntegerField(source="found.item.prompt_id")
    probability = serializers.FloatField(
        source="found.probability", help_text="That people prefer the other answer, by the newest refit."
    )
    annotator = PersonSerializer(source="said.annotator")
    preferred = serializers.IntegerField(source="preferred.pk", help_text="The id of the response that was preferred.")
    other = serializers.IntegerField(source="other.pk", help_text="The id of the one that the reward model expected.")
    asked = serializers.BooleanField(help_text="Somebody is asked for the item already.")
    judged_at = serializers.DateTimeField(source="said.created_at")


class AskSerializer(StrictSerializer):
    items = serializers.ListField(child=serializers.IntegerField(min_value=1), min_length=1, max_length=MAX_SELECTED)


class ProjectContradictions(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(
        operation_id="projects_contradictions",
        parameters=[OpenApiParameter("page", OpenApiTypes.INT, default=1)],
        responses=page_of_rows(ContradictionSerializer),
    )
    def get(self, request: Request, project_id: int) -> Response:
        """Judgements that the newest refit would have expected to be the other way round, the surest first."""
        found = Paginator(contradictions_of(project_of(request, project_id)), SIZE)
        page = found.get_page(request.query_params.get("page"))
        rows = ContradictionSerializer(with_what_was_said(page.object_list), many=True).data
        return Response({"results": rows, "next": page.next_page_number() if page.has_next() else None})


class AskAnother(APIView):
    required_permission = Permission.MANAGE_PROJECTS

    @extend_schema(
        operation_id="projects_contradictions_ask",
        request=AskSerializer,
        responses=inline_serializer(
            "SecondOpinions",
            {
                "changed": serializers.IntegerField(help_text="Items that one person more will judge."),
                "actions": serializers.ListField(child=serializers.IntegerField(), help_text="To undo it by."),
            },
        ),
    )
    def post(self, request: Request, project_id: int) -> Response:
        """Let one person more judge these items, blind. Where somebody is asked already, nothing changes."""
        given = AskSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        done = services.ask_second_opinion(
            project=project_of(request, project_id), by=member_of(request), item_ids=given.validated_data["items"]
        )
        return Response({"changed": sum(action.changed for action in done), "actions": [action.pk for action in done]})
