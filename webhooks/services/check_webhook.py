"""What a webhook must be."""

from collections.abc import Iterable

from accounts.errors import Invalid
from webhooks.addresses import allowed_addresses, read_url
from webhooks.kinds import EventKind


def check_name(name: str) -> str:
    """Raises: Invalid."""
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise Invalid(
            "Give the webhook a name of 1 to 100 characters, so that you know later what it is for.",
            fields={"name": "Use 1 to 100 characters."},
        )
    return name


def check_url(url: str) -> str:
    """Raises: AddressRefused: nobody on the outside is there."""
    url = url.strip()
    allowed_addresses(read_url(url))
    return url


def check_events(events: Iterable[str]) -> list[str]:
    """Raises: Invalid: none, or an unknown one."""
    wanted = list(dict.fromkeys(events))
    strange = [str(kind)[:40] for kind in wanted if kind not in EventKind.values]
    if strange or not wanted:
        choices = ", ".join(EventKind.values)
        told = f"There is no event {', '.join(strange)}." if strange else "Choose at least one event."
        raise Invalid(f"{told} There are {choices}.", fields={"events": f"{told} There are {choices}."})
    # In the order of the list, whatever the order of asking.
    return [kind for kind in EventKind.values if kind in wanted]


def check_project(project_id: int | None) -> int | None:
    """Raises: Invalid: not a number that a row can have."""
    if project_id is not None and not 0 < project_id < 2**63:
        raise Invalid("A project's number is 1 or more.", fields={"project_id": "Use the number of a project."})
    return project_id
