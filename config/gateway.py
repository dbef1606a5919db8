"""The gateway process (ASGI): the OpenAI-compatible endpoint."""

import os

from django.core.handlers.asgi import ASGIHandler

# Set, not defaulted: importing `config` has named the web's settings for Celery.
os.environ["DJANGO_SETTINGS_MODULE"] = "config.gateway_settings"

import django  # noqa: E402 - the settings module must be named first

django.setup(set_prefix=False)
application = ASGIHandler()
