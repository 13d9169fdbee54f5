"""An even sample is even, and fits whoever has ordered the pairs."""

from hypothesis import given
from hypothesis import strategies as st

from nmt.even_sample import PAIR, EvenSample

CELLS = st.lists(st.integers(1, 100), max_size=200)


def taken(cells: list[int], claimed: int, most: int) -> EvenSample[int]:
    """A sample of pairs with these cells."""
    sample: EvenSample[int] = EvenSample(claimed, len(cells), most)
    for number, own in enumerate(cells):
        sample.add(number, own, number)
    return sample


@given(CELLS, st.integers(200, 2000))
def test_it_has_every_nth_pair_and_no_more_cells_than_fit(cells: list[int], most: int) -> None:
    sample = taken(cells, sum(cells), most)
    assert sample.pairs == [*range(0, len(cells), sample.step)]
    assert sum(cells[number] + PAIR for number in sample.pairs) <= 1.25 * most
    if sum(cells) + PAIR * len(cells) <= most:
        assert sample.step == 1


def test_who_knows_the_step_makes_the_sample_no_larger() -> None:
    """Each pair whose turn it is has a thousand cells, and the others one."""
    for step in (4, 8, 64):
        cells = [1000 if number % step == 0 else 1 for number in range(step * step * 10)]
        sample = taken(cells, sum(cells), 10_000)
        assert sum(cells[number] + PAIR for number in sample.pairs) <= 12_500
        assert len(sample.pairs) >= 5


def test_pairs_of_a_cell_are_no_more_than_fit() -> None:
    sample = taken([1] * 10_000, 10_000, 1700)
    assert 50 <= len(sample.pairs) <= 1.25 * 1700 / (1 + PAIR)


def test_what_is_told_of_all_pairs_need_not_be_true() -> None:
    sample = taken([50] * 1000, 0, 20_000)
    assert 100 <= len(sample.pairs) <= 1.25 * 20_000 / (50 + PAIR)
