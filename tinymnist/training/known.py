"""Whether weights may know images that are to be scored."""

from tinymnist.data import Dataset
from tinymnist.data.catalogue import find_published
from tinymnist.training.records import TrainedOn


def may_know_scored_images(known: TrainedOn, data: Dataset, validation: int) -> bool:
    """Whether `known` may be among what is scored: `validation` held-out images of `data`, or its test images.

    Of two data sets, that is so where both take images from the same handwriting, by what the catalogue says.
    """
    if known.is_of(data.name, data.digest):
        return validation not in (0, known.validation)
    trained_on, scored = find_published(known.dataset, known.digest), find_published(data.name, data.digest)
    if trained_on is None or scored is None:
        return False
    return not trained_on.trains_on.isdisjoint(scored.trains_on if validation else scored.scores)
