"""Small helpers for text that people read."""

from tinymnist.text import table


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
