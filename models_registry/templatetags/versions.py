from django import template

from models_registry.models import Stage
from models_registry.wording import metric_interval, metric_meaning, metric_name, metric_value

register = template.Library()
register.filter("metric_name", metric_name)
register.filter("metric_meaning", metric_meaning)
register.filter("metric_value", metric_value)
register.filter("metric_interval", metric_interval)


@register.filter
def stage_mark(stage: str) -> str:
    """The badge's class."""
    return {Stage.PRODUCTION: "good", Stage.CANARY: "info", Stage.CANDIDATE: "", Stage.RETIRED: ""}.get(
        Stage(stage), ""
    )
