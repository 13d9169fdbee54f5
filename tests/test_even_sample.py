"""An even sample is even, and fits whoever has ordered the pairs."""

from hypothesis import given
from hypothesis import strategies as st

from nmt.even_sample import EvenSample

CELLS = st.lists(st.integers(1, 100), max_size=200)


@given(CELLS, st.integers(100, 1000))
def test_it_has_every_nth_pair_and_no_more_cells_than_fit(cells: list[int], most: int) -> None:
    sample: EvenSample[int] = EvenSample(sum(cells), most)
    first = sample.step
    for number, own in enumerate(cells):
        sample.add(number, own, number)
    assert sample.pairs == [*range(0, len(cells), sample.step)]
    assert sum(cells[number] for number in sample.pairs) <= 1.25 * most
    if sum(cells) <= most:
        assert sample.step == first == 1


def test_who_knows_the_step_makes_the_sample_no_larger() -> None:
    """Each pair whose turn it is has a thousand cells, and the others one."""
    for step in (4, 8, 64):
        cells = [1000 if number % step == 0 else 1 for number in range(step * 10)]
        sample: EvenSample[int] = EvenSample(step * 10_000, 10_000)
        assert sample.step == step
        cells = [1000 if number % step == 0 else 1 for number in range(step * step * 10)]
        for number, own in enumerate(cells):
            sample.add(number, own, number)
        assert sum(cells[number] for number in sample.pairs) <= 12_500
        assert len(sample.pairs) >= 5
