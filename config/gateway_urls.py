"""The gateway's own addresses: OpenAI's, at /v1."""

from django.urls import include, path

from config.urls import health

urlpatterns = [path("healthz", health), path("v1/", include("serving.gateway.urls"))]

# Django's own pages need templates and addresses that are not here.
handler400 = "serving.gateway.errors.bad_request"
handler404 = "serving.gateway.errors.not_found"
handler500 = "serving.gateway.errors.server_error"
