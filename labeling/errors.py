"""What labeling refuses, each with its status and its sentence."""

from accounts.errors import AccordError


class LabelingError(AccordError):
    """A refusal of this app."""


class NotAssigned(LabelingError):
    http_status = 403
    code = "not_assigned"


class AlreadyJudged(LabelingError):
    http_status = 409
    code = "already_judged"


class LeaseLost(LabelingError):
    http_status = 409
    code = "lease_lost"


class NotLast(LabelingError):
    http_status = 409
    code = "not_last"


class TooLate(LabelingError):
    http_status = 409
    code = "too_late"


class BrokenUpload(LabelingError):
    """The body of a request ended early or cannot be unpacked; nothing of it was kept."""

    http_status = 400
    code = "broken_upload"


class BrokenExport(LabelingError):
    """A download cannot be finished. It has begun: what tells the reader is that it ends too early."""

    http_status = 500
    code = "broken_export"


class LengthNeeded(LabelingError):
    http_status = 411
    code = "length_needed"


class ProjectClosed(LabelingError):
    """Paused or archived."""

    http_status = 409
    code = "project_closed"


class NotEligible(LabelingError):
    """The person may judge, but not here or not now."""

    http_status = 403
    code = "not_eligible"


class CapReached(LabelingError):
    http_status = 409
    code = "cap_reached"


class NothingToFreeze(LabelingError):
    http_status = 409
    code = "nothing_to_freeze"


class BadJudgement(LabelingError):
    http_status = 422
    code = "invalid"


class BadContent(LabelingError):
    """A prompt, a response or a line of an import that cannot be stored as it is."""

    http_status = 422
    code = "invalid"


class BadRecipeFile(LabelingError):
    """What a recipe left about items or judgements is not as agreed."""

    http_status = 422
    code = "bad_recipe_file"
