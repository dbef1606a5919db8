"""The gateway's own addresses: OpenAI's, at /v1."""

from django.urls import include, path

from config.urls import health

urlpatterns = [path("healthz", health), path("v1/", include("serving.gateway.urls"))]
