"""Which networks are better, which are on the front, and which go on."""

from hypothesis import given
from hypothesis import strategies as st

from tinymnist.search.ranking import dominates, front, goes_on, order

figures = st.integers(0, 5).map(float)
one_each = st.lists(st.tuples(figures), min_size=1, max_size=12)
two_each = st.lists(st.tuples(figures, figures), min_size=1, max_size=12)


def test_better_in_something_and_worse_in_nothing_dominates() -> None:
    assert dominates((1, 2), (1, 3))
    assert not dominates((1, 2), (1, 2))
    assert not dominates((1, 2), (0, 3))


def test_the_front_has_what_nothing_dominates_and_all_equal_ones() -> None:
    assert front([(3.0, 1.0), (2.0, 2.0), (2.0, 3.0), (1.0, 3.0), (2.0, 2.0)]) == [0, 1, 3, 4]


@given(scores=one_each)
def test_by_one_figure_the_order_is_that_of_numbers(scores: list[tuple[float, ...]]) -> None:
    assert [scores[place] for place in order(scores)] == sorted(scores)


@given(scores=two_each)
def test_nothing_comes_before_what_dominates_it(scores: list[tuple[float, ...]]) -> None:
    places = order(scores)
    assert sorted(places) == list(range(len(scores)))
    for index, place in enumerate(places):
        assert not any(dominates(scores[later], scores[place]) for later in places[index:])


@given(scores=two_each)
def test_the_order_begins_with_the_front(scores: list[tuple[float, ...]]) -> None:
    best = front(scores)
    assert sorted(order(scores)[: len(best)]) == best


def test_the_first_network_goes_on_and_after_it_the_best_so_far() -> None:
    assert goes_on((5.0,), [], 0.2)
    assert goes_on((4.0,), [(5.0,)], 0.2)
    assert not goes_on((6.0,), [(5.0,)], 0.2)


def test_a_network_goes_on_if_fewer_than_the_share_are_better() -> None:
    before = [(float(number),) for number in range(1, 10)]  # with the new one, ten: three go on
    assert goes_on((2.5,), before, 0.3)
    assert not goes_on((3.5,), before, 0.3)


def test_by_several_figures_only_what_dominates_is_better() -> None:
    before = [(1.0, 9.0), (2.0, 8.0), (3.0, 7.0)]
    assert goes_on((4.0, 1.0), before, 0.2)
    assert not goes_on((4.0, 9.5), before, 0.2)
