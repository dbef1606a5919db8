from django.urls import URLPattern, URLResolver, path

from accounts.api import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("me", views.MeView.as_view(), name="api-me"),
    path("tokens", views.TokensView.as_view(), name="api-tokens"),
    path("tokens/<int:token_id>", views.TokenView.as_view(), name="api-token"),
]
