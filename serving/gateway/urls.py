from django.urls import URLPattern, URLResolver, path

from serving.gateway import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("chat/completions", views.chat_completions, name="gateway-chat-completions"),
    path("models", views.models, name="gateway-models"),
    path("models/<slug:slug>", views.model, name="gateway-model"),
    path("feedback", views.feedback, name="gateway-feedback"),
]
