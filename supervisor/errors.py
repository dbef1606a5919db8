"""The one refusal of the supervisor: a sentence for the person at the console, who then knows what to do."""


class StartError(Exception):
    """Accord cannot start, or go on; the message says why and names the way out."""
