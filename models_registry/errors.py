"""What the registry refuses, each with its status and its sentence."""

from accounts.errors import AccordError


class ArtifactRefused(AccordError):
    """A file that cannot be part of an artifact."""

    http_status = 422
    code = "artifact_refused"


class ArtifactDamaged(AccordError):
    """What lies on disk is not what was registered."""

    http_status = 500
    code = "artifact_damaged"


class GateClosed(AccordError):
    http_status = 409
    code = "gate_closed"


class IllegalPromotion(AccordError):
    """A step that the state table does not have, or a version that cannot serve."""

    http_status = 409
    code = "illegal_promotion"


class PromotionLost(AccordError):
    """Somebody else moved a version meanwhile."""

    http_status = 409
    code = "promotion_lost"


class EngineError(AccordError):
    """The engine did not give an answer."""

    # What a client is told to wait; None where waiting changes nothing.
    retry_after_seconds: int | None = 5


class EngineUnavailable(EngineError):
    """It is down, starting or overloaded; trying later may help."""

    http_status = 503
    code = "engine_unavailable"


class EngineTimeout(EngineError):
    http_status = 504
    code = "engine_timeout"


class EngineNonsense(EngineError):
    """It answered, and not in OpenAI's shape, or it refused what we sent."""

    http_status = 502
    code = "engine_nonsense"


class TooLongForEngine(EngineError):
    """The conversation and the answer asked for do not fit into what the model can hold."""

    http_status = 400
    code = "context_length_exceeded"
    retry_after_seconds = None
