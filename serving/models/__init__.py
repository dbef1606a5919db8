from serving.models.feedback import Feedback, Signal
from serving.models.served_response import ServedResponse

__all__ = ["Feedback", "ServedResponse", "Signal"]
