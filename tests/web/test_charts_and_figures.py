"""Figures as people read them, and charts that say what they show."""

import re
from datetime import date, timedelta

import pytest
from django.template import Context, Template
from django.utils.timezone import now

from config.charts.layout import MAX_POINTS, lay_out
from config.charts.scale import round_ticks, tick_text
from config.templatetags.people import ago, count, duration, interval, percent


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (940, "940"), (999, "999"), (1200, "1.2 k"), (12_345, "12.3 k"), (999_499, "999 k"), (999_600, "1 M"),
     (1_234_567, "1.2 M"), (3.25, "3.2"), (-1500, "-1.5 k"), (None, "–")],
)  # fmt: skip
def test_counts_are_written_for_people(value, said):
    assert count(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.44, "0.4 s"), (9, "9 s"), (59.7, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"),
     (273_600, "3 d 4 h"), (None, "–")],
)  # fmt: skip
def test_durations_are_written_for_people(seconds, said):
    assert duration(seconds) == said


def test_times_are_relative_with_the_exact_one_on_hover():
    assert re.search(
        r'<time datetime="[^"]+" title="\d+ \w+ \d{4}, [^"]+">3 min ago</time>', ago(now() - timedelta(minutes=3))
    )
    assert "in 2 h" in ago(now() + timedelta(hours=2, seconds=30))


def test_intervals_of_objects_dicts_and_pairs():
    assert interval((0.471, 0.569)) == "0.47 to 0.57"
    assert interval({"low": -0.1, "high": 0.2}, 1) == "−0.1 to 0.2"
    assert interval(None) == "–"
    assert percent(0.123, 1) == "12.3 %"


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.693, 0.7), (-3, 17), (5, 5), (0, 0), (1e-9, 2e-9), (1e6, 4e6)])
def test_ticks_are_round_and_cover_the_figures(low, high):
    ticks = round_ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 12
    texts = [tick_text(tick, ticks[1] - ticks[0]) for tick in ticks]
    assert len(set(texts)) == len(texts)


def test_whole_figures_get_whole_ticks():
    chart = lay_out([{"name": "loss", "points": [(step, 0.25 * step) for step in (1, 2, 3)]}])
    assert [text for _, text in chart.x_ticks] == ["1", "2", "3"]
    assert "0.5" in [text for _, text in chart.y_ticks]
    assert [text for _, text in lay_out([{"name": "n", "points": [(4, 4)]}]).x_ticks] == ["3", "4", "5"]


@pytest.mark.parametrize("size", [1, 0.00002, 123_456_789])
def test_the_title_of_the_y_axis_has_room_beside_the_longest_tick(size):
    chart = lay_out([{"name": "loss", "points": [(step, -size * step) for step in range(9)]}])
    longest = max(len(text) for _, text in chart.y_ticks)
    # Ticks end 8 before the axis; the turned title takes 6 to each side of 13.
    assert chart.left - 8 - 7 * longest >= 13 + 6 + 2


def test_every_mark_lies_on_the_paper():
    chart = lay_out([{"name": "loss", "points": [(step, 1 / (step + 1), 0.0, 2.0) for step in range(1000)]}])
    numbers = [float(number) for number in re.findall(r"-?\d+\.?\d*", chart.lines[0].path + chart.lines[0].band)]
    assert all(0 <= number <= chart.width for number in numbers)
    assert chart.lines[0].path.count("L") == MAX_POINTS - 1


def test_a_figure_that_is_not_finite_is_a_gap():
    chart = lay_out(
        [{"name": "loss", "points": [(0, 1.0), (1, 2.0), (2, float("nan")), (3, None), (4, 1.0), (5, 3.0)]}]
    )
    assert chart.lines[0].path.count("M") == 2


def draw(series):
    template = Template('{% load charts %}{% line_chart series "Loss by step" "step" "loss, nats" %}')
    return template.render(Context({"series": series}))


def test_a_chart_has_a_title_units_a_table_twin_and_no_inline_style():
    html = draw(
        [
            {"name": "train", "points": [(0, 1.0, 0.9, 1.1), (1, 0.5, 0.4, 0.6)]},
            {"name": "held out", "points": [(0, 2)]},
        ]
    )
    for part in ("Loss by step", "loss, nats", "<table>", "0.9 to 1.1", "held out", "stroke-dasharray", 'role="img"'):
        assert part in html
    assert "style=" not in html


def test_a_chart_escapes_the_names_of_its_lines():
    assert "<script>" not in draw([{"name": "<script>", "points": [(0, 1), (1, 2)]}, {"name": "b", "points": [(0, 1)]}])


def test_a_chart_without_figures_says_so():
    assert "No figures yet." in draw([])
    assert "No figures yet." in draw([{"name": "loss", "points": []}])


def test_days_are_told_as_days():
    html = draw([{"name": "n", "points": [(date(2026, 3, 1) + timedelta(days=day), day) for day in range(14)]}])
    assert "01 Mar 2026<" in html


def test_a_bar_says_what_is_done_and_left():
    html = Template('{% load charts %}{% bar 12 40 "items" %}').render(Context())
    assert "12 of 40 items" in html
    assert 'max="40"' in html
