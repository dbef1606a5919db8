"""The settings with what the gateway needs and no more: no sessions, no pages, its own URLs."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "config.gateway_urls"
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "serving.gateway.errors.OpenAIErrorsMiddleware"]
