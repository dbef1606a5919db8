from django.contrib.postgres.fields import ArrayField
from django.db import models


class Organisation(models.Model):
    """A tenant. Nothing of one organisation is ever shown to another."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    # Which events any of its webhooks wants, written by the webhooks: one that nobody wants costs no query.
    webhook_events = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
