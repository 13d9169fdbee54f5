"""The text beside the bar is arithmetic on what the units say."""

from nmt.translation.progress import Progress


def test_rates_time_left_and_cost() -> None:
    """The first unit takes as long as processes take to start: it foretells nothing."""
    moments = iter([100.0, 110.0, 120.0, 140.0])
    progress = Progress(1000, 9.0, clock=lambda: next(moments))
    assert progress.add(100, 2000) == "10 rows/s  200 tokens/s  cost 0.03"
    assert progress.add(100, 0) == "10 rows/s  100 tokens/s  1 min 20 s left  cost 0.05"
    assert progress.add(800, 0) == "25 rows/s  50 tokens/s  0.0 s left  cost 0.10"


def test_no_price_no_cost() -> None:
    moments = iter([0.0, 0.0])
    text = Progress(10, None, clock=lambda: next(moments)).add(0, 0)
    assert "cost" not in text
