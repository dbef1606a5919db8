"""Model versions at /api/v1."""

from django.urls import URLPattern, URLResolver, path

from models_registry.api import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("versions", views.VersionList.as_view(), name="api-version-list"),
    path("versions/<int:version_id>", views.VersionDetail.as_view(), name="api-version"),
    path("versions/<int:version_id>/promote", views.VersionPromote.as_view(), name="api-version-promote"),
    path("versions/<int:version_id>/rollback", views.VersionRollback.as_view(), name="api-version-rollback"),
]
