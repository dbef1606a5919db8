"""What webhooks refuse, each with its status and its sentence."""

from accounts.errors import AccordError


class AddressRefused(AccordError):
    """Not an address on the outside: Accord would be a way into its own network."""

    http_status = 422
    code = "address_refused"


class WebhookIsOff(AccordError):
    http_status = 409
    code = "webhook_is_off"


class NotDead(AccordError):
    """Only what was given up can be sent again."""

    http_status = 409
    code = "not_dead"
