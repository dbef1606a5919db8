from django.urls import URLPattern, URLResolver, path

from labeling.views import browse, desk, exports, imports, overview, projects, snapshots

urlpatterns: list[URLPattern | URLResolver] = [
    path("projects/", projects.project_list, name="project-list"),
    path("projects/new/", projects.project_new, name="project-new"),
    path("projects/<int:project_id>/", overview.project, name="project"),
    path("projects/<int:project_id>/agreement/", overview.agreement, name="project-agreement"),
    path("projects/<int:project_id>/edit/", projects.project_edit, name="project-edit"),
    path("projects/<int:project_id>/pause/", projects.project_pause, name="project-pause"),
    path("projects/<int:project_id>/import/", imports.project_import, name="project-import"),
    path("projects/<int:project_id>/prompts/", browse.prompts, name="project-prompts"),
    path("projects/<int:project_id>/prompts/<int:prompt_id>/", browse.prompt, name="project-prompt"),
    path("projects/<int:project_id>/items/", browse.items, name="project-items"),
    path("projects/<int:project_id>/items/make/", browse.make_items, name="project-make-items"),
    path("projects/<int:project_id>/snapshots/", snapshots.snapshot_list, name="snapshot-list"),
    path("projects/<int:project_id>/snapshots/freeze/", snapshots.freeze, name="snapshot-freeze"),
    path("projects/<int:project_id>/snapshots/<int:snapshot_id>/", snapshots.snapshot, name="snapshot"),
    path("projects/<int:project_id>/export/", exports.project_export, name="project-export"),
    path("projects/<int:project_id>/desk/", desk.desk, name="desk"),
    path("projects/<int:project_id>/desk/next/", desk.following, name="desk-next"),
    path("projects/<int:project_id>/desk/preferences/", desk.preferences, name="desk-preferences"),
    path("projects/<int:project_id>/desk/undo/", desk.undo, name="desk-undo"),
    path("projects/<int:project_id>/desk/<int:assignment_id>/judgement/", desk.submit, name="desk-submit"),
    path("projects/<int:project_id>/desk/<int:assignment_id>/skip/", desk.skip, name="desk-skip"),
    path("projects/<int:project_id>/desk/<int:assignment_id>/heartbeat/", desk.heartbeat, name="desk-heartbeat"),
    path("projects/<int:project_id>/desk/<int:assignment_id>/draft/", desk.draft, name="desk-draft"),
    path("projects/<int:project_id>/desk/<int:assignment_id>/release/", desk.release, name="desk-release"),
    path("projects/<int:project_id>/desk/<int:assignment_id>/report/", desk.report, name="desk-report"),
    path("projects/<int:project_id>/desk/<int:assignment_id>/texts/", desk.texts, name="desk-texts"),
]
