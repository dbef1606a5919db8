from django.urls import URLPattern, URLResolver, path

from models_registry.views import lists, version

urlpatterns: list[URLPattern | URLResolver] = [
    path("projects/<int:project_id>/versions/", lists.version_list, name="version-list"),
    path("projects/<int:project_id>/versions/summary", lists.version_summary, name="version-summary"),
    path("versions/of-snapshot/<int:snapshot_id>", lists.versions_of_snapshot, name="versions-of-snapshot"),
    path("versions/<int:version_id>/", version.version, name="version"),
    path("versions/<int:version_id>/promote/", version.promote, name="version-promote"),
    path("versions/<int:version_id>/rollback/", version.rollback, name="version-rollback"),
]
