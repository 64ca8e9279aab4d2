"""Images held out of the training set: the last ones of each class, in proportion."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from tinymnist.data import load_dataset
from tinymnist.data.dataset import _shares


def test_validation_holds_out_the_last_training_images_of_each_class() -> None:
    data = load_dataset("mnist-5k")
    held = data.hold_out(503)
    assert held.test.labels.bincount().tolist() == [51, 51, 51, 50, 50, 50, 50, 50, 50, 50]
    for label in range(10):
        kept, of_class = (split.images[split.labels == label] for split in (held.train, data.train))
        assert torch.equal(torch.cat([kept, held.test.images[held.test.labels == label]]), of_class)


@given(st.lists(st.integers(1, 9999), min_size=1, max_size=12), st.data())
def test_shares_add_up_and_are_within_one_of_proportion(sizes: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, sum(sizes)))
    shares = _shares(sizes, count)
    assert sum(shares) == count
    assert all(abs(share - size * count / sum(sizes)) < 1 for share, size in zip(shares, sizes, strict=True))
    assert all(share <= size for share, size in zip(shares, sizes, strict=True))
