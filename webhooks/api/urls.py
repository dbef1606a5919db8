"""Webhooks at /api/v1."""

from django.urls import URLPattern, URLResolver, path

from webhooks.api import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("webhooks", views.WebhookList.as_view(), name="api-webhook-list"),
    path("webhooks/<int:webhook_id>", views.WebhookDetail.as_view(), name="api-webhook"),
    path("webhooks/<int:webhook_id>/rotate", views.WebhookRotate.as_view(), name="api-webhook-rotate"),
    path("webhooks/<int:webhook_id>/test", views.WebhookTest.as_view(), name="api-webhook-test"),
    path("webhooks/<int:webhook_id>/deliveries", views.DeliveryList.as_view(), name="api-webhook-deliveries"),
    path(
        "webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/send-again",
        views.DeliverySendAgain.as_view(),
        name="api-webhook-send-again",
    ),
]
