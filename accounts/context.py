from typing import Any

from django.http import HttpRequest


def member(request: HttpRequest) -> dict[str, Any]:
    """`member` in every template."""
    return {"member": getattr(request, "member", None)}
