"""Pages at /, the REST API at /api/v1."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from config.errors import nothing_at_this_address


def health(request: HttpRequest) -> HttpResponse:
    """Answers when the process does; asks nothing of the database."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns = [
    path("healthz", health),
    # labeling first in both: patterns are tried in turn, and most requests are of the desk.
    path("api/v1/", include("labeling.api.urls")),
    path("api/v1/", include("accounts.api.urls")),
    path("api/v1/", include("webhooks.api.urls")),
    path("api/v1/", include("models_registry.api.urls")),
    path("api/v1/", include("training.api.urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="api-schema"),
    # A program is answered in JSON also where there is nothing.
    re_path(r"^api/", nothing_at_this_address, name="api-nothing"),
    path("", include("labeling.urls")),
    path("", include("accounts.urls")),
    path("", include("webhooks.urls")),
    path("", include("models_registry.urls")),
    path("", include("training.urls")),
    path("", include("serving.urls")),
]
