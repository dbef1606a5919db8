from serving.services.answers import (
    answer_in_pieces,
    answer_now,
    close_answer,
    fail_or_fall_back,
    interrupt_answer,
    open_answer,
    with_refusal,
)
from serving.services.feedback import record_feedback
from serving.services.routing import Route, choose_route, served_projects
from serving.services.sample import sample_answers
from serving.services.settle import settle_feedback
from serving.services.sweep import sweep_feedback, sweep_unfinished

__all__ = [
    "Route",
    "answer_in_pieces",
    "answer_now",
    "choose_route",
    "close_answer",
    "fail_or_fall_back",
    "interrupt_answer",
    "open_answer",
    "record_feedback",
    "sample_answers",
    "served_projects",
    "settle_feedback",
    "sweep_feedback",
    "sweep_unfinished",
    "with_refusal",
]
