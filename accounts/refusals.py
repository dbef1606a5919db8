"""A service's refusal shown on the form that asked for it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.forms import BaseForm

from accounts.errors import AccordError


@contextmanager
def shown_on(form: BaseForm) -> Iterator[None]:
    """Put what the block's service refuses onto the form: beside the fields it names, else on top.

    The view returns its success inside the block, and renders the form again after it.
    """
    try:
        yield
    except AccordError as refused:
        named = {name: why for name, why in refused.fields.items() if name in form.fields}
        for name, why in named.items():
            form.add_error(name, why)
        if not named:
            form.add_error(None, refused.message)
