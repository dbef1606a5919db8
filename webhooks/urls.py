from django.urls import URLPattern, URLResolver, path

from webhooks.views import deliveries, webhook

urlpatterns: list[URLPattern | URLResolver] = [
    path("webhooks/", webhook.webhook_list, name="webhook-list"),
    path("webhooks/new/", webhook.webhook_new, name="webhook-new"),
    path("webhooks/<int:webhook_id>/", webhook.webhook_page, name="webhook"),
    path("webhooks/<int:webhook_id>/change/", webhook.webhook_change, name="webhook-change"),
    path("webhooks/<int:webhook_id>/switch/", webhook.webhook_switch, name="webhook-switch"),
    path("webhooks/<int:webhook_id>/rotate/", webhook.webhook_rotate, name="webhook-rotate"),
    path("webhooks/<int:webhook_id>/delete/", webhook.webhook_delete, name="webhook-delete"),
    path("webhooks/<int:webhook_id>/deliveries", deliveries.delivery_list, name="webhook-deliveries"),
    path("webhooks/<int:webhook_id>/test/", deliveries.webhook_test, name="webhook-test"),
    path("webhooks/<int:webhook_id>/send-again/", deliveries.send_all_again, name="webhook-send-all-again"),
    path(
        "webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/send-again/",
        deliveries.send_again,
        name="webhook-send-again",
    ),
]
