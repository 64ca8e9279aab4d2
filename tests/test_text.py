"""Small helpers for text that people read."""

from hypothesis import given
from hypothesis import strategies as st

from tinymnist.text import fitted_table, table

ROWS = [
    ["name", "parameters", "description"],
    ["tiny", "3,130", "five convolutions in three blocks"],
    ["mini", "670", "one convolution"],
]


def test_a_table_aligns_its_columns() -> None:
    assert table("< >", [["name", "parameters"], ["tiny", "3,130"], ["something longer", "10"]]) == [
        "name              parameters",
        "tiny                   3,130",
        "something longer          10",
    ]


def test_a_column_has_its_least_width() -> None:
    assert table("<6 >4 <9", [["a", "b", "c"]]) == ["a          b  c"]


def test_a_row_that_ends_early_widens_no_column() -> None:
    assert table("< > >", [["a", "b", "c"], ["x", "cannot be had here"], ["xyz", "1", "2"]]) == [
        "a    b  c",
        "x    cannot be had here",
        "xyz  1  2",
    ]


def test_a_table_without_rows_has_no_lines() -> None:
    assert table("< >", []) == []


def test_a_table_that_fits_is_left_alone() -> None:
    assert fitted_table("< > <", ROWS, 51) == fitted_table("< > <", ROWS, None) == table("< > <", ROWS)


def test_in_a_narrower_terminal_the_last_cell_is_below_the_others() -> None:
    assert fitted_table("< > <", ROWS, 24) == [
        "name  parameters",
        "tiny       3,130",
        "  five convolutions in",
        "  three blocks",
        "mini         670",
        "  one convolution",
    ]


def test_in_a_terminal_too_narrow_for_columns_all_cells_are() -> None:
    assert fitted_table("<30 > <", ROWS, 40) == [
        "tiny",
        "  parameters 3,130; description five",
        "  convolutions in three blocks",
        "mini",
        "  parameters 670; description one",
        "  convolution",
    ]


WORDS = st.lists(st.text("abc-", min_size=1, max_size=12), min_size=1, max_size=12).map(" ".join)


@given(
    st.lists(st.tuples(st.text("xy", min_size=1, max_size=20), WORDS, WORDS).map(list), min_size=2), st.integers(40, 90)
)
def test_no_line_is_longer_than_the_terminal_and_no_word_is_lost(rows: list[list[str]], width: int) -> None:
    lines = fitted_table("< < <", rows, width)
    assert all(len(line) <= width for line in lines)
    words = " ".join(lines).replace(";", " ").split()
    assert {word for row in rows[1:] for cell in row for word in cell.split()} <= set(words)
