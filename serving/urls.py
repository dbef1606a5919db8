from django.urls import URLPattern, URLResolver, path

from serving.views import playground, served

urlpatterns: list[URLPattern | URLResolver] = [
    path("projects/<int:project_id>/playground/", playground.playground, name="playground"),
    path("projects/<int:project_id>/playground/send/", playground.send, name="playground-send"),
    path(
        "projects/<int:project_id>/playground/<uuid:served_id>/feedback/",
        playground.feedback,
        name="playground-feedback",
    ),
    path("projects/<int:project_id>/served/", served.served_list, name="served-list"),
]
