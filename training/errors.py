"""What training refuses."""

from accounts.errors import AccordError


class TrainingError(AccordError):
    code = "training_refused"


class IllegalMove(TrainingError):
    """The row is no longer what the caller believed it to be, or may not become what was asked."""

    http_status = 409
    code = "conflict"


class NotReady(TrainingError):
    """Something that training stands on is missing: judgements, a base model, a reward model."""

    http_status = 409
    code = "not_ready"


class BadRunConfig(TrainingError):
    http_status = 422
    code = "invalid"


class BadResult(TrainingError):
    """The recipe said that it succeeded and left nothing that proves it."""


class NoRewardModel(TrainingError):
    """The version does not score answers."""

    http_status = 422
    code = "no_reward_model"


class TooMuchAsked(TrainingError):
    http_status = 429
    code = "too_many_requests"


class ScoringFailed(TrainingError):
    """The reward model could not be asked, or could not answer."""

    http_status = 409
    code = "scoring_failed"
