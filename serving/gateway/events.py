"""A stream that goes wrong says so in its last event: its status was sent long ago."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from accounts.errors import AccordError
from serving.gateway.errors import error_body
from serving.gateway.shapes import event


async def with_error_event(events: AsyncIterator[str]) -> AsyncIterator[str]:
    """The events, and a refusal in OpenAI's shape in the place of the ones that will not come."""
    try:
        async with aclosing(events) as open_events:  # type: ignore[type-var]
            async for text in open_events:
                yield text
    except AccordError as error:
        yield event(error_body(error.http_status, error.message, error.code))
