"""What a run's figures say to people."""

from training.wording import say_figures

CUT = {"prompts_cut": 12, "answers_cut": 0, "prompt_tokens": 256, "response_tokens": 512}


def test_what_was_cut_is_told_with_the_limit_and_its_share():
    assert say_figures(CUT | {"distinct_prompts": 340, "answers": 2000}) == [
        ("Prompts longer than 256 tokens, read without their beginning", "12 of 340 (3.5 %)"),
        ("Answers longer than 512 tokens, read without their end", "0 of 2,000 (0.0 %)"),
    ]


def test_a_run_of_before_that_does_not_say_of_how_many_is_told_without():
    assert say_figures({"prompts_cut": 12, "answers_cut": 3, "answers": 2000}) == []


def test_what_was_left_out_is_told_where_there_is_some():
    assert say_figures({"prompts_refused": 2, "judgements_refused": 0, "prompts_too_long": 1}) == [
        ("Prompts left out: the base model's chat template does not take them", "2"),
        ("Prompts left out: too long", "1"),
    ]
