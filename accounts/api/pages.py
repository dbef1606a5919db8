"""What the OpenAPI schema says of a list: an object with its rows and what to ask for next, and no bare array."""

from functools import cache
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers


@cache
def page_of_rows(serializer: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """`{"results": […], "next": `before` of the next page, null on the last}`, for `extend_schema(responses=…)`."""
    name = f"{serializer.__name__.removesuffix('Serializer')}Page"
    fields = {"results": serializer(many=True), "next": serializers.IntegerField(allow_null=True)}
    return inline_serializer(name, fields)
